import type { GeneratorKind } from "./generator.ts";
import { Histogram } from "./histogram.ts";
import type { LoadTally } from "./load-recorder.ts";
import type { ServerUsage } from "./machine/usage-window.ts";
import { type Outcomes, outcomesOf } from "./outcomes.ts";
import { sumTimelines, type TimelineSlice } from "./timeline.ts";

export interface LatencySummary {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/** One load run, as it is reported. */
export interface LoadResult {
  /** What was measured: a protocol, or a contender of a comparison. */
  readonly name: string;
  readonly connections: number;
  /** null: closed loop. */
  readonly ratePerSec: number | null;
  readonly durationSecs: number;
  /** Right answers in the latency figures. */
  readonly requests: number;
  /** Right answers that arrived inside the measured window, per second of it. */
  readonly throughputPerSec: number;
  readonly latency: LatencySummary;
  readonly errors: Readonly<Record<string, number>>;
  readonly errorCount: number;
  readonly firstError: string | null;
  /** Open loop: requests never sent because the server fell too far behind its rate. */
  readonly unsent: number;
  /** p99 of how late requests were sent; null in the closed loop. */
  readonly sendLatenessP99Ms: number | null;
  /** null: nothing was sent, the runtime was called directly. */
  readonly generator: GeneratorKind | null;
  /** Why `auto` did without the native generator; null where that is no loss. */
  readonly generatorReason: string | null;
  /** Of the busiest generator, 0-1; near 1 it may be the limit. In the open loop the script one polls, which counts. */
  readonly generatorUtilization: number;
  /** CPU time of the generators for each answer; null where it cannot be read. */
  readonly generatorCpuUsPerAnswer: number | null;
  /** p99 of how late the generator itself was, the worst of its threads; null where it was not asked. */
  readonly generatorDelayP99Ms: number | null;
  /** What the server was told of when an answer is worth nothing any more; null: nothing. */
  readonly deadlineMs: number | null;
  /** null without a deadline. */
  readonly outcomes: Outcomes | null;
  /** Of the measured window; null for a server whose processes are not ours to look at. */
  readonly server: MeasuredUsage | null;
  /** By intended start; null when it was not asked for. */
  readonly timeline: readonly TimelineSlice[] | null;
}

export interface MeasuredUsage extends ServerUsage {
  /** All processes, for each right answer inside the window; null when there was none. */
  readonly cpuUsPerAnswer: number | null;
}

export interface LoadRunFacts {
  readonly name: string;
  readonly connections: number;
  readonly ratePerSec: number | null;
  readonly durationMs: number;
  readonly deadlineMs: number | null;
  readonly generator: GeneratorKind | null;
  readonly generatorReason: string | null;
  readonly generatorUtilization: number;
  readonly generatorCpuUsPerAnswer: number | null;
  readonly generatorDelayP99Ms: number | null;
  /** null where it was not measured. */
  readonly usage: ServerUsage | null;
}

/** Adds up what the generators saw. */
export function summariseLoad(facts: LoadRunFacts, tallies: readonly LoadTally[]): LoadResult {
  const latency = new Histogram();
  const lateness = new Histogram();
  const errors: Record<string, number> = {};
  let answered = 0;
  let unsent = 0;
  let inTime = 0;
  for (const tally of tallies) {
    latency.add(tally.latency);
    lateness.add(tally.lateness);
    answered += tally.answeredInWindow;
    unsent += tally.unsent;
    inTime += tally.inTime;
    for (const [code, count] of Object.entries(tally.errors)) {
      errors[code] = (errors[code] ?? 0) + count;
    }
  }
  const counts = {
    requests: latency.count,
    errors,
    errorCount: Object.values(errors).reduce((sum, count) => sum + count, 0),
    unsent,
  };
  return {
    ...counts,
    name: facts.name,
    connections: facts.connections,
    ratePerSec: facts.ratePerSec,
    durationSecs: facts.durationMs / 1000,
    throughputPerSec: answered / (facts.durationMs / 1000),
    latency: summariseLatency(latency),
    firstError: tallies.find((tally) => tally.firstError !== null)?.firstError ?? null,
    sendLatenessP99Ms: facts.ratePerSec === null ? null : lateness.percentileMs(99),
    generator: facts.generator,
    generatorReason: facts.generatorReason,
    generatorUtilization: facts.generatorUtilization,
    generatorCpuUsPerAnswer: facts.generatorCpuUsPerAnswer,
    generatorDelayP99Ms: facts.generatorDelayP99Ms,
    deadlineMs: facts.deadlineMs,
    outcomes: facts.deadlineMs === null ? null : outcomesOf(counts, inTime),
    server: facts.usage === null ? null : perAnswer(facts.usage, answered),
    timeline: sumTimelines(tallies.flatMap((tally) => tally.timeline ?? [])),
  };
}

function perAnswer(usage: ServerUsage, answers: number): MeasuredUsage {
  return { ...usage, cpuUsPerAnswer: answers === 0 ? null : usage.cpuUs / answers };
}

export function summariseLatency(histogram: Histogram): LatencySummary {
  return {
    meanMs: histogram.meanMs,
    p50Ms: histogram.percentileMs(50),
    p90Ms: histogram.percentileMs(90),
    p95Ms: histogram.percentileMs(95),
    p99Ms: histogram.percentileMs(99),
    p999Ms: histogram.percentileMs(99.9),
    maxMs: histogram.maxMs,
  };
}
