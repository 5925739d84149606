import { monitorEventLoopDelay } from "node:perf_hooks";
import { parentPort, workerData } from "node:worker_threads";
import { AnswerCheck } from "./answer-check.ts";
import { QueueClock } from "./clock.ts";
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
const NS_PER_MS = 1e6;
/** Thousands of connections at once would be a load of their own. */
const OPEN_AT_ONCE = 64;

function post(message: GeneratorMessage): void {
  parentPort?.postMessage(message);
}

async function main(plan: LoadPlan): Promise<void> {
  const lanes = createLanes(plan);
  try {
    const problem = await openAll(lanes, plan);
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

/**
 * One request on every lane, untimed: what cannot work fails before the clock starts. Where there is a
 * deadline the server may refuse, and what is broken fails in the load too.
 */
async function openAll(lanes: readonly Lane[], plan: LoadPlan): Promise<string | null> {
  const isPlain = plan.deadlineMs === null;
  const index = isPlain ? 0 : plan.shape.poolSize;
  for (let from = 0; from < lanes.length; from += OPEN_AT_ONCE) {
    const some = lanes.slice(from, from + OPEN_AT_ONCE);
    const outcomes = await Promise.all(some.map((lane) => lane.send(index, isPlain)));
    const failure = outcomes.find((outcome) => outcome.failure !== null)?.failure ?? null;
    if (isPlain && failure !== null) return `${failure.code}: ${failure.message}`;
  }
  return null;
}

async function drive(plan: LoadPlan, lanes: readonly Lane[]): Promise<void> {
  const recorder = new LoadRecorder(plan.deadlineMs);
  const check = new AnswerCheck(plan.outputs, plan.comparesValues);
  const loop = new LoadLoop(plan.shape, new QueueClock(), check, recorder);
  const progress = setInterval(() => {
    post({ kind: "progress", answered: recorder.total, errors: recorder.errorCount });
  }, PROGRESS_MS);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const before = performance.eventLoopUtilization();
  const cpuUs = readThreadCpuUs();
  await loop.run(lanes);
  clearInterval(progress);
  const { utilization } = performance.eventLoopUtilization(before);
  const cpuUsPerAnswer =
    cpuUs === null || recorder.total === 0
      ? null
      : ((readThreadCpuUs() ?? cpuUs) - cpuUs) / recorder.total;
  delay.disable();
  const delayP99Ms = delay.percentile(99) / NS_PER_MS;
  const report = { tally: recorder.tally(), utilization, cpuUsPerAnswer, delayP99Ms };
  post({ kind: "done", report });
}

main(workerData as LoadPlan).catch((thrown: unknown) => {
  post({ kind: "failed", message: thrown instanceof Error ? thrown.message : String(thrown) });
});
