import { summariseRatios } from "../ratio.ts";
import type { Measured } from "../tune/trial.ts";
import type { TunedSettings } from "../tune/tuned-settings.ts";

/** Where a search starts on a machine of one serving thread. */
export const START: TunedSettings = {
  threads: 1,
  engineThreads: 0,
  intraOpThreads: 0,
  maxBatchRows: 64,
  inlineBudgetUs: 200,
};

/** A comparison that was measured: candidate and best. */
export function measuredOf(changes: {
  /** Candidate / best of each pair; else 1 twice. */
  readonly requests?: readonly number[];
  readonly p99?: readonly number[];
  /** Candidate and best; else 1. */
  readonly requestsPerSec?: readonly [number, number];
  readonly p99Ms?: readonly [number, number];
  readonly noisyPairs?: number;
}): Measured {
  const { requests = [1, 1], p99 = [1, 1], noisyPairs = 0 } = changes;
  const { requestsPerSec = [1, 1], p99Ms = [1, 1] } = changes;
  const ratio = (values: readonly number[]) =>
    summariseRatios(
      values,
      values.map(() => 1),
      noisyPairs,
    );
  const side = (i: 0 | 1) => ({
    requestsPerSec: requestsPerSec[i],
    p99Ms: p99Ms[i],
    cpuUsPerAnswer: null,
  });
  return {
    kind: "measured",
    requestsRatio: ratio(requests),
    p99Ratio: ratio(p99),
    candidate: side(0),
    best: side(1),
  };
}
