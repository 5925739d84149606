import { Worker } from "node:worker_threads";
import type { GeneratorMessage, GoMessage, LoadPlan } from "./load-plan.ts";
import type { LoadTally } from "./load-recorder.ts";
import { type LoadResult, summariseLoad } from "./load-result.ts";
import { type ListPids, type ServerUsage, UsageWindow } from "./machine/usage-window.ts";

/** Called about once a second with the totals so far. */
export type ShowProgress = (answered: number, errors: number) => void;

/**
 * Runs one load in `threads` generator threads, which begin together, and adds up what they saw.
 * @param name of the result
 * @param plan its connections and rate are those of all threads together
 * @param pids of the server, whose processes are measured too; null: nobody's
 * @throws Error that names the first failure when a connection cannot even answer one request
 */
export async function runLoad(
  name: string,
  plan: LoadPlan,
  threads: number,
  showProgress: ShowProgress,
  pids: ListPids | null = null,
): Promise<LoadResult> {
  const totals = new ProgressTotals(showProgress);
  const generators = splitPlan(plan, threads).map((part) => new Generator(part, totals));
  try {
    await Promise.all(generators.map((generator) => generator.ready));
    for (const generator of generators) generator.go();
    const { connections, shape } = plan;
    const { ratePerSec, warmupMs, durationMs } = shape;
    const usage = pids === null ? null : watchServer(pids, warmupMs, durationMs);
    const reports = await Promise.all(generators.map((generator) => generator.done));
    const facts = {
      ...{ name, connections, ratePerSec, durationMs },
      generatorUtilization: Math.max(...reports.map((report) => report.utilization)),
      generatorCpuUsPerAnswer: meanOf(reports.map((report) => report.cpuUsPerAnswer)),
      usage: usage === null ? null : usage.read(),
    };
    return summariseLoad(
      facts,
      reports.map((report) => report.tally),
    );
  } finally {
    await Promise.all(generators.map((generator) => generator.end()));
  }
}

/** Opens and closes a window over the measured part of a load that begins now. */
function watchServer(pids: ListPids, warmupMs: number, durationMs: number) {
  let window: UsageWindow | null = null;
  let usage: ServerUsage | null = null;
  setTimeout(() => {
    window = new UsageWindow(pids);
  }, warmupMs);
  const closing = setTimeout(() => {
    usage = window?.close() ?? null;
  }, warmupMs + durationMs);
  return {
    /** The load has ended, which is never before the window unless it broke off. */
    read(): ServerUsage | null {
      clearTimeout(closing);
      return usage ?? window?.close() ?? null;
    },
  };
}

/** null when none is a number. */
function meanOf(values: readonly (number | null)[]): number | null {
  const numbers = values.filter((value) => value !== null);
  return numbers.length === 0 ? null : numbers.reduce((a, b) => a + b, 0) / numbers.length;
}

/** Connections as evenly as they go; each thread's share of the rate is that of its connections. */
export function splitPlan(plan: LoadPlan, threads: number): LoadPlan[] {
  const count = Math.min(threads, plan.connections);
  return Array.from({ length: count }, (_, i) => {
    const connections =
      Math.floor(((i + 1) * plan.connections) / count) - Math.floor((i * plan.connections) / count);
    const { ratePerSec } = plan.shape;
    const share = ratePerSec === null ? null : (ratePerSec * connections) / plan.connections;
    return { ...plan, connections, shape: { ...plan.shape, ratePerSec: share } };
  });
}

interface GeneratorReport {
  readonly tally: LoadTally;
  readonly utilization: number;
  readonly cpuUsPerAnswer: number | null;
}

/** One generator thread, seen from outside. */
class Generator {
  readonly ready: Promise<void>;
  readonly done: Promise<GeneratorReport>;
  readonly #worker: Worker;

  constructor(plan: LoadPlan, totals: ProgressTotals) {
    this.#worker = new Worker(new URL("./generator-thread.js", import.meta.url), {
      workerData: plan,
    });
    const worker = this.#worker;
    this.ready = new Promise((resolve, reject) => {
      worker.on("message", (message: GeneratorMessage) => {
        if (message.kind === "ready") resolve();
        if (message.kind === "failed") reject(new Error(message.message));
        if (message.kind === "progress") totals.show(this, message.answered, message.errors);
      });
      rejectOnEnd(worker, reject);
    });
    this.done = new Promise((resolve, reject) => {
      worker.on("message", (message: GeneratorMessage) => {
        if (message.kind === "done") resolve(message);
        if (message.kind === "failed") reject(new Error(message.message));
      });
      rejectOnEnd(worker, reject);
    });
    // Whoever waits for `ready` only must not leave a rejection of `done` behind.
    this.done.catch(() => undefined);
  }

  go(): void {
    this.#worker.postMessage({ kind: "go" } satisfies GoMessage);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}

function rejectOnEnd(worker: Worker, reject: (error: Error) => void): void {
  worker.on("error", reject);
  worker.on("exit", (code) =>
    reject(new Error(`a generator thread ended with ${code} before it reported`)),
  );
}

/** Progress of all threads as one line. */
class ProgressTotals {
  readonly #show: ShowProgress;
  readonly #latest = new Map<Generator, { answered: number; errors: number }>();
  #first: Generator | null = null;

  constructor(show: ShowProgress) {
    this.#show = show;
  }

  show(from: Generator, answered: number, errors: number): void {
    this.#first ??= from;
    this.#latest.set(from, { answered, errors });
    if (from !== this.#first) return;
    let allAnswered = 0;
    let allErrors = 0;
    for (const latest of this.#latest.values()) {
      allAnswered += latest.answered;
      allErrors += latest.errors;
    }
    this.#show(allAnswered, allErrors);
  }
}
