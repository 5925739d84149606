import { chooseGenerator } from "./choose-generator.ts";
import type { ShowTotals } from "./generator.ts";
import type { LoadPlan } from "./load-plan.ts";
import { type LoadResult, summariseLoad } from "./load-result.ts";
import { type ListPids, type ServerUsage, UsageWindow } from "./machine/usage-window.ts";

/**
 * Runs one load in `threads` generators, which begin together, and adds up what they saw. The native
 * generator is built on first use.
 * @param name of the result
 * @param plan its connections and rate are those of all threads together
 * @param pids of the server, whose processes are measured too; null: nobody's
 * @throws Error that names the first failure when a connection cannot even answer one request
 */
export async function runLoad(
  name: string,
  plan: LoadPlan,
  threads: number,
  showProgress: ShowTotals,
  pids: ListPids | null = null,
): Promise<LoadResult> {
  const totals = new ProgressTotals(showProgress);
  const chosen = await chooseGenerator(plan);
  const parts = splitPlan(plan, threads);
  const generators = parts.map((part, i) =>
    chosen.start(part, (answered, errors) => totals.show(i, answered, errors)),
  );
  try {
    await Promise.all(generators.map((generator) => generator.ready));
    for (const generator of generators) generator.go();
    const { connections, deadlineMs, shape } = plan;
    const { ratePerSec, warmupMs, durationMs } = shape;
    const usage = pids === null ? null : watchServer(pids, warmupMs, durationMs);
    const reports = await Promise.all(generators.map((generator) => generator.done));
    const facts = {
      ...{ name, connections, ratePerSec, durationMs, deadlineMs },
      generator: chosen.kind,
      generatorReason: chosen.reason,
      generatorUtilization: Math.max(...reports.map((report) => report.utilization)),
      generatorCpuUsPerAnswer: meanOf(reports.map((report) => report.cpuUsPerAnswer)),
      generatorDelayP99Ms: Math.max(...reports.map((report) => report.delayP99Ms)),
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

/** Progress of all threads as one line. */
class ProgressTotals {
  readonly #show: ShowTotals;
  readonly #latest = new Map<number, { answered: number; errors: number }>();

  constructor(show: ShowTotals) {
    this.#show = show;
  }

  show(from: number, answered: number, errors: number): void {
    this.#latest.set(from, { answered, errors });
    if (from !== 0) return;
    let allAnswered = 0;
    let allErrors = 0;
    for (const latest of this.#latest.values()) {
      allAnswered += latest.answered;
      allErrors += latest.errors;
    }
    this.#show(allAnswered, allErrors);
  }
}
