/**
 * A process, or a thread in one, that ends while the addon works: `ending-process.js <model> <how>
 * [times]`. Started by native/lifetime.test.ts; exits with CODE.
 */
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { NativeLine, NativeSessionId } from "../addon.ts";
import { requireAddon } from "./addon-bench.ts";

export type Ending =
  /** process.exit() during a load */
  | "exit-load"
  /** … with jobs of the main thread running and waiting */
  | "exit-submit"
  /** … with a worker's jobs running */
  | "exit-worker"
  /** … with a worker inside runNow */
  | "exit-run-now"
  /** worker.terminate() with its jobs running, with its line left, and with it inside runNow, many times */
  | "terminate"
  /** the main thread's code ends, with a session and an idle line left open */
  | "return";

export const CODE = 7;

/** "leave": disconnects while its jobs run. */
type WorkerWork = "submit" | "run-now" | "leave";

interface WorkerPlan {
  readonly session: NativeSessionId;
  readonly does: WorkerWork;
}

const ROWS = 2000;
const SHAPES = [[ROWS, 4]];

function submitMany(session: NativeSessionId): NativeLine {
  const addon = requireAddon();
  const line = addon.connect(session, () => undefined, new Float64Array(2));
  for (let jobId = 0; jobId < 6; jobId += 1) {
    addon.submit(
      line,
      jobId,
      [new Float32Array(ROWS * 4)],
      SHAPES,
      [0],
      Number.POSITIVE_INFINITY,
      2,
    );
  }
  return line;
}

function beWorker(plan: WorkerPlan): void {
  if (plan.does !== "run-now") {
    const line = submitMany(plan.session);
    if (plan.does === "leave") setTimeout(() => requireAddon().disconnect(line), 5);
    parentPort?.postMessage("running");
    return;
  }
  const addon = requireAddon();
  const line = addon.connect(plan.session, () => undefined, new Float64Array(2));
  parentPort?.postMessage("running");
  for (;;) addon.runNow(line, [new Float32Array(ROWS * 4)], SHAPES, [0]);
}

async function startWorker(plan: WorkerPlan): Promise<Worker> {
  const worker = new Worker(new URL(import.meta.url), { workerData: plan });
  await once(worker, "message");
  return worker;
}

async function endThreads(session: NativeSessionId, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    const works: readonly WorkerWork[] = ["submit", "run-now", "leave"];
    const worker = await startWorker({ session, does: works[time % works.length] ?? "submit" });
    if (time % 2 === 1) await delay(10);
    await worker.terminate();
  }
  await requireAddon().closeSession(session, 0);
  process.exitCode = CODE;
}

async function main(modelPath: string, how: Ending, times: number): Promise<void> {
  const opening = requireAddon().openSession({
    modelPath,
    intraOpThreads: 1,
    engineThreads: 2,
    maxBatchRows: 0,
  });
  if (how === "exit-load") {
    setTimeout(() => process.exit(CODE), times);
    await opening.catch(() => undefined);
    return;
  }
  const session = await opening;
  if (how === "terminate") return endThreads(session, times);
  if (how === "exit-submit") submitMany(session);
  if (how === "exit-worker" || how === "exit-run-now") {
    await startWorker({ session, does: how === "exit-run-now" ? "run-now" : "submit" });
  }
  if (how === "return") {
    requireAddon().connect(session, () => undefined, new Float64Array(2));
    process.exitCode = CODE;
    return;
  }
  setImmediate(() => process.exit(CODE));
}

const [, , modelPath = "", how = "return", times = "1"] = process.argv;
if (isMainThread) await main(modelPath, how as Ending, Number(times));
else beWorker(workerData as WorkerPlan);
