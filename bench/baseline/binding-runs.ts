import { InferenceSession } from "onnxruntime-node";
import type { DirectPlan } from "./direct-plan.ts";
import { toOrt } from "./oip-tensors.ts";
import type { RunInput } from "./run-input.ts";

/** `await session.run` of onnxruntime-node; tensors are made before the clock starts. */
export async function openBindingRuns(plan: DirectPlan): Promise<RunInput> {
  const session = await InferenceSession.create(
    plan.modelFile,
    plan.intraOpThreads === null ? {} : { intraOpNumThreads: plan.intraOpThreads },
  );
  const feeds = plan.inputs.map((input) =>
    Object.fromEntries(input.inputs.map((tensor) => [tensor.name, toOrt(tensor)])),
  );
  return (index) => session.run(feeds[index] ?? {});
}
