import { LoadRecorder } from "../load-recorder.ts";
import { UsageWindow } from "../machine/usage-window.ts";
import { openAddonRuns } from "./addon-runs.ts";
import { openBindingRuns } from "./binding-runs.ts";
import type { DirectAnswer, DirectPlan } from "./direct-plan.ts";

/**
 * The limit: the model run in a loop, no server, no encoding. Entry of a child process; takes one
 * DirectPlan over IPC, answers with one DirectAnswer and ends.
 */

async function measure(plan: DirectPlan): Promise<DirectAnswer> {
  const open = plan.through === "addon" ? openAddonRuns : openBindingRuns;
  const run = await open(plan);
  const recorder = new LoadRecorder();
  const fromMs = performance.now() + plan.warmupMs;
  const toMs = fromMs + plan.durationMs;
  recorder.openWindow(fromMs, toMs, null);
  let window: UsageWindow | null = null;
  for (let sequence = 0; ; sequence += 1) {
    const startMs = performance.now();
    if (startMs >= toMs) break;
    if (startMs >= fromMs) window ??= new UsageWindow(() => [process.pid]);
    const answer = run(sequence % plan.inputs.length);
    // Awaiting what is no promise would cost a turn of the loop.
    if (answer instanceof Promise) await answer;
    recorder.answered(startMs, startMs, performance.now());
  }
  return { tally: recorder.tally(), usage: window?.close() ?? null };
}

process.once("message", (plan) => {
  measure(plan as DirectPlan).then(
    (answer) => process.send?.(answer, () => process.disconnect()),
    (thrown: unknown) => {
      process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
      process.exit(1);
    },
  );
});
