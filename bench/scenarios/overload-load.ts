import { monitorEventLoopDelay } from "node:perf_hooks";
import { AnswerCheck } from "../answer-check.ts";
import { encodeHttpRequests, HttpLane } from "../http-lane.ts";
import type { Lane } from "../lane.ts";
import { LoadLoop } from "../load-loop.ts";
import type { LoadPlan } from "../load-plan.ts";
import { LoadRecorder } from "../load-recorder.ts";
import { type LoadResult, summariseLoad } from "../load-result.ts";
import { type ListPids, type ServerUsage, UsageWindow } from "../machine/usage-window.ts";
import { QueueClock } from "./overload-clock.ts";

const NS_PER_MS = 1e6;
const CONNECT_AT_ONCE = 64;

/** What became of a load whose requests were worth nothing after the deadline. */
export interface DeadlineResult {
  readonly load: LoadResult;
  readonly deadlineMs: number;
  /** Right answers within the deadline, counted from the intended start, per second of the window. */
  readonly goodputPerSec: number;
  readonly outcomes: Outcomes;
  /** p99 of how late timers fired in the generator: its own share of the latencies. */
  readonly generatorDelayP99Ms: number;
}

/** Requests that should have started inside the window. */
export interface Outcomes {
  readonly inTime: number;
  readonly late: number;
  /** `queue-full`: HTTP 503 or 429 with Retry-After. */
  readonly refused: number;
  /** `deadline-exceeded`: HTTP 504, or silence until the client gave up. */
  readonly expired: number;
  readonly failed: number;
  readonly unsent: number;
}

/**
 * Runs an HTTP load that tells the server its deadline (x-request-timeout-ms). In the calling
 * thread, with one clock for all connections: overload needs thousands of them.
 * @param plan its `timeoutMs` is how long the client waits, not the deadline
 * @param pids of the server
 */
export async function runDeadlineLoad(
  name: string,
  plan: LoadPlan,
  deadlineMs: number,
  pids: ListPids,
): Promise<DeadlineResult> {
  const url = new URL(plan.endpoints.url ?? "");
  const requests = encodeHttpRequests(plan, url).map((request) => addDeadline(request, deadlineMs));
  const sent = [...requests, livenessProbe(url)];
  const lanes = Array.from(
    { length: plan.connections },
    () => new HttpLane(url, sent, plan.timeoutMs),
  );
  const recorder = new DeadlineRecorder(deadlineMs);
  const check = new AnswerCheck(plan.outputs, plan.comparesValues);
  const loop = new LoadLoop(plan.shape, new QueueClock(), check, recorder);
  const { ratePerSec, warmupMs, durationMs } = plan.shape;
  await connectAll(lanes, requests.length);
  const usage = watchUsage(pids, warmupMs, durationMs);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const before = performance.eventLoopUtilization();
  delay.enable();
  try {
    await loop.run(lanes);
  } finally {
    delay.disable();
    for (const lane of lanes) lane.close();
  }
  const { utilization } = performance.eventLoopUtilization(before);
  const { connections } = plan;
  const facts = {
    ...{ name, connections, ratePerSec, durationMs, usage: usage() },
    ...{ generatorUtilization: utilization, generatorCpuUsPerAnswer: null },
  };
  const load = summariseLoad(facts, [recorder.tally()]);
  return {
    load,
    deadlineMs,
    goodputPerSec: recorder.inTime / load.durationSecs,
    outcomes: outcomesOf(load, recorder.inTime),
    generatorDelayP99Ms: delay.percentile(99) / NS_PER_MS,
  };
}

/** Counts what came in time, beside all that a load recorder counts. */
export class DeadlineRecorder extends LoadRecorder {
  readonly #deadlineMs: number;
  #fromMs = 0;
  #inTime = 0;

  constructor(deadlineMs: number) {
    super();
    this.#deadlineMs = deadlineMs;
  }

  get inTime(): number {
    return this.#inTime;
  }

  override openWindow(fromMs: number, toMs: number, sliceMs: number | null): void {
    this.#fromMs = fromMs;
    super.openWindow(fromMs, toMs, sliceMs);
  }

  override answered(intendedMs: number, sentMs: number, doneMs: number): void {
    if (intendedMs >= this.#fromMs && doneMs - intendedMs <= this.#deadlineMs) this.#inTime += 1;
    super.answered(intendedMs, sentMs, doneMs);
  }
}

const LINE_END = "\r\n";

/** @param request a whole HTTP/1.1 request */
export function addDeadline(request: Buffer, deadlineMs: number): Buffer {
  const firstLine = request.indexOf(LINE_END) + LINE_END.length;
  return Buffer.concat([
    request.subarray(0, firstLine),
    Buffer.from(`x-request-timeout-ms: ${Math.ceil(deadlineMs)}${LINE_END}`),
    request.subarray(firstLine),
  ]);
}

export function outcomesOf(load: LoadResult, inTime: number): Outcomes {
  const refused = load.errors["queue-full"] ?? 0;
  const expired = load.errors["deadline-exceeded"] ?? 0;
  return {
    inTime,
    late: load.requests - inTime,
    refused,
    expired,
    failed: load.errorCount - refused - expired,
    unsent: load.unsent,
  };
}

/** Opens every connection, a few at a time: thousands at once would be a load of their own. */
async function connectAll(lanes: readonly Lane[], probeIndex: number): Promise<void> {
  for (let from = 0; from < lanes.length; from += CONNECT_AT_ONCE) {
    const some = lanes.slice(from, from + CONNECT_AT_ONCE);
    // What is broken here fails in the load too.
    await Promise.all(some.map((lane) => lane.send(probeIndex, false)));
  }
}

/** Asks for nothing that costs the server more than the connection. */
function livenessProbe(url: URL): Buffer {
  const path = `${url.pathname.replace(/\/$/, "")}/v2/health/live`;
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`, "latin1");
}

/** Over the measured part of a load that begins now. */
function watchUsage(
  pids: ListPids,
  warmupMs: number,
  durationMs: number,
): () => ServerUsage | null {
  let window: UsageWindow | null = null;
  let usage: ServerUsage | null = null;
  setTimeout(() => {
    window = new UsageWindow(pids);
  }, warmupMs);
  const closing = setTimeout(() => {
    usage = window?.close() ?? null;
  }, warmupMs + durationMs);
  return () => {
    clearTimeout(closing);
    return usage ?? window?.close() ?? null;
  };
}
