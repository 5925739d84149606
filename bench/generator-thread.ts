import { parentPort, workerData } from "node:worker_threads";
import { AnswerCheck } from "./answer-check.ts";
import { preciseClock } from "./clock.ts";
import { createLanes } from "./create-lanes.ts";
import type { Lane } from "./lane.ts";
import { LoadLoop } from "./load-loop.ts";
import type { GeneratorMessage, LoadPlan } from "./load-plan.ts";
import { LoadRecorder } from "./load-recorder.ts";
import { readThreadCpuUs } from "./machine/thread-cpu.ts";

/**
 * Entry of a generator thread: nothing but the load runs on its loop. It opens its connections and
 * says `ready`, waits for `go`, reports progress and then its tally, and ends.
 */

const PROGRESS_MS = 1000;

function post(message: GeneratorMessage): void {
  parentPort?.postMessage(message);
}

async function main(plan: LoadPlan): Promise<void> {
  const lanes = createLanes(plan);
  try {
    const problem = await probe(lanes);
    if (problem !== null) {
      post({ kind: "failed", message: problem });
      return;
    }
    post({ kind: "ready" });
    await new Promise((go) => parentPort?.once("message", go));
    await drive(plan, lanes);
  } finally {
    for (const lane of lanes) lane.close();
    parentPort?.close();
  }
}

/** One request on every lane, untimed: what cannot work fails before the clock starts. */
async function probe(lanes: readonly Lane[]): Promise<string | null> {
  const outcomes = await Promise.all(lanes.map((lane) => lane.send(0, true)));
  const failure = outcomes.find((outcome) => outcome.failure !== null)?.failure ?? null;
  return failure === null ? null : `${failure.code}: ${failure.message}`;
}

async function drive(plan: LoadPlan, lanes: readonly Lane[]): Promise<void> {
  const recorder = new LoadRecorder();
  const check = new AnswerCheck(plan.outputs, plan.comparesValues);
  const loop = new LoadLoop(plan.shape, preciseClock, check, recorder);
  const progress = setInterval(() => {
    post({ kind: "progress", answered: recorder.total, errors: recorder.errorCount });
  }, PROGRESS_MS);
  const before = performance.eventLoopUtilization();
  const cpuUs = readThreadCpuUs();
  await loop.run(lanes);
  clearInterval(progress);
  const { utilization } = performance.eventLoopUtilization(before);
  const cpuUsPerAnswer =
    cpuUs === null || recorder.total === 0
      ? null
      : ((readThreadCpuUs() ?? cpuUs) - cpuUs) / recorder.total;
  post({ kind: "done", tally: recorder.tally(), utilization, cpuUsPerAnswer });
}

main(workerData as LoadPlan).catch((thrown: unknown) => {
  post({ kind: "failed", message: thrown instanceof Error ? thrown.message : String(thrown) });
});
