import { type NativeData, type NativeSignature, TIMING } from "../../native/addon.ts";
import { loadAddon } from "../../native/load-addon.ts";
import type { InferInput } from "../../protocols/client/inference-client.ts";
import type { DirectPlan } from "./direct-plan.ts";
import type { RunInput } from "./run-input.ts";
import { runtimeLibraryPath } from "./runtime-library.ts";

/** One job of one input, in the order of the session's inputs. */
interface Job {
  readonly inputs: readonly NativeData[];
  readonly shapes: readonly (readonly number[])[];
}

/** Runs on this thread through the C API. @throws Error with the reason where there is no addon */
export async function openAddonRuns(plan: DirectPlan): Promise<RunInput> {
  const { addon, reason } = loadAddon(runtimeLibraryPath());
  if (addon === null) throw new Error(`the native addon does not load: ${reason}`);
  const session = await addon.openSession({
    modelPath: plan.modelFile,
    intraOpThreads: plan.intraOpThreads ?? 1,
    engineThreads: 1,
    maxBatchRows: 0,
  });
  const signature = addon.signatureOf(session);
  const outputs = signature.outputs.map((_, index) => index);
  const jobs = plan.inputs.map((input) => jobOf(input, signature));
  const timing = new Float64Array(TIMING.cells);
  const line = addon.connect(session, () => undefined, timing);
  return (index) => {
    const job = jobs[index];
    return job === undefined ? [] : addon.runNow(line, job.inputs, job.shapes, outputs);
  };
}

function jobOf(input: InferInput, signature: NativeSignature): Job {
  const tensors = signature.inputs.map(({ name }) => {
    const tensor = input.inputs.find((each) => each.name === name);
    if (tensor === undefined) throw new Error(`the model's input '${name}' is missing`);
    return tensor;
  });
  return {
    inputs: tensors.map((tensor) => tensor.data as NativeData),
    shapes: tensors.map((tensor) => tensor.shape),
  };
}
