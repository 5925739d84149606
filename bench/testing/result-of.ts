import type { LoadResult } from "../load-result.ts";

/** A faultless result of a closed loop; `changes` wins. */
export function resultOf(changes: Partial<LoadResult>): LoadResult {
  return {
    name: "http-json",
    connections: 8,
    ratePerSec: null,
    durationSecs: 10,
    requests: 50_000,
    throughputPerSec: 5000,
    latency: {
      meanMs: 1,
      p50Ms: 0.9,
      p90Ms: 1.5,
      p95Ms: 2,
      p99Ms: 12.34,
      p999Ms: 100.4,
      maxMs: 250,
    },
    errors: {},
    errorCount: 0,
    firstError: null,
    unsent: 0,
    sendLatenessP99Ms: null,
    generator: "native",
    generatorReason: null,
    generatorUtilization: 0.5,
    generatorCpuUsPerAnswer: null,
    generatorDelayP99Ms: 0.1,
    deadlineMs: null,
    outcomes: null,
    server: null,
    timeline: null,
    ...changes,
  };
}
