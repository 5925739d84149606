import type { LatencySummary } from "../load-result.ts";

/** Latency over percentiles, spread out so that each step to the right leaves a tenth of the requests. */
export function percentilePoints(latency: LatencySummary): {
  readonly xAxis: string;
  readonly points: readonly (readonly [x: number, y: number])[];
} {
  return {
    xAxis: "nines (0.3: p50, 1: p90, 2: p99, 3: p99.9)",
    points: [
      [0.3, latency.p50Ms],
      [1, latency.p90Ms],
      [1.3, latency.p95Ms],
      [2, latency.p99Ms],
      [3, latency.p999Ms],
    ],
  };
}
