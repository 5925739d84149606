import { InferenceSession } from "onnxruntime-node";
import { LoadRecorder } from "../load-recorder.ts";
import type { DirectPlan } from "./direct-plan.ts";
import { toOrt } from "./oip-tensors.ts";

/**
 * The limit: `await session.run` in a loop, no server, no encoding. Entry of a child process; takes
 * one DirectPlan over IPC, answers with one LoadTally and ends.
 */

async function measure(plan: DirectPlan): Promise<void> {
  const session = await InferenceSession.create(
    plan.modelFile,
    plan.intraOpThreads === null ? {} : { intraOpNumThreads: plan.intraOpThreads },
  );
  const feeds = plan.inputs.map((input) =>
    Object.fromEntries(input.inputs.map((tensor) => [tensor.name, toOrt(tensor)])),
  );
  const recorder = new LoadRecorder();
  const fromMs = performance.now() + plan.warmupMs;
  const toMs = fromMs + plan.durationMs;
  recorder.openWindow(fromMs, toMs);
  for (let sequence = 0; ; sequence += 1) {
    const startMs = performance.now();
    if (startMs >= toMs) break;
    await session.run(feeds[sequence % feeds.length] ?? {});
    recorder.answered(startMs, startMs, performance.now());
  }
  process.send?.(recorder.tally(), () => process.disconnect());
}

process.once("message", (plan) => {
  measure(plan as DirectPlan).catch((thrown: unknown) => {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    process.exit(1);
  });
});
