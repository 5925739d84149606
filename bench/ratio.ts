import { isQuietEnough } from "./machine/noise.ts";

/** A noisy machine is one on which the same pair, repeated, gives ratios this far apart. */
export const MAX_SPREAD = 2;

/** What repeated pairs say about "how many times"; `pairs` is in the order they ran. */
export interface RatioSummary {
  readonly pairs: readonly number[];
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** max / min. */
  readonly spread: number;
  /** Pairs during which the machine was seen to do other work. */
  readonly noisyPairs: number;
  /** False when the spread is too wide, or the machine was too busy, to call the median a result. */
  readonly isResult: boolean;
}

/** Why a ratio is not printed. REQUIRES: `isResult` is false. */
export function explainNoResult(ratio: RatioSummary): string {
  return ratio.spread > MAX_SPREAD
    ? `spread > ${MAX_SPREAD}x`
    : `machine busy in ${ratio.noisyPairs} of ${ratio.pairs.length} pairs`;
}

/**
 * Ratios of paired measurements, one pair at a time: what slows the machine down for a while slows
 * both halves of a pair.
 * @throws Error when there is no pair, lengths differ, or a value is not a positive number
 */
export function summariseRatios(
  ours: readonly number[],
  baseline: readonly number[],
  noisyPairs: number,
): RatioSummary {
  if (ours.length === 0 || ours.length !== baseline.length) {
    throw new Error(`expected pairs, got ${ours.length} and ${baseline.length} measurements`);
  }
  const pairs = ours.map((value, i) => {
    const ratio = value / (baseline[i] ?? Number.NaN);
    if (ratio > 0 && Number.isFinite(ratio)) return ratio;
    throw new Error(`pair ${i + 1}: ${value} to ${baseline[i]} is no ratio`);
  });
  const sorted = pairs.toSorted((a, b) => a - b);
  const min = sorted[0] ?? Number.NaN;
  const max = sorted.at(-1) ?? Number.NaN;
  const spread = max / min;
  const isResult = spread <= MAX_SPREAD && isQuietEnough(pairs.length, noisyPairs);
  return { pairs, median: median(pairs), min, max, spread, noisyPairs, isResult };
}

/** NaN when empty. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
