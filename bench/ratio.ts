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
  /** False when the spread is too wide to call the median a result. */
  readonly isResult: boolean;
}

/**
 * Ratios of paired measurements, one pair at a time: what slows the machine down for a while slows
 * both halves of a pair.
 * @throws Error when there is no pair, lengths differ, or a value is not a positive number
 */
export function summariseRatios(
  ours: readonly number[],
  baseline: readonly number[],
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
  return { pairs, median: medianOf(sorted), min, max, spread, isResult: spread <= MAX_SPREAD };
}

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
