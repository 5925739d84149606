import { quantileOf } from "./quantile.ts";

/** Stands for an empty bin (Evidently's), so that the index is finite. */
const LEAST_SHARE = 0.0001;
const DECILES = 10;

/**
 * Population stability index over bins: the sum of (p - q) ln(p / q). Siddiqi (2006), Credit Risk
 * Scorecards: below 0.1 little, above 0.25 much.
 * @param reference counts by bin, not all 0
 * @param window counts of the same bins, not all 0
 */
export function populationStability(
  reference: readonly number[],
  window: readonly number[],
): number {
  const referenceRows = reference.reduce((sum, count) => sum + count, 0);
  const windowRows = window.reduce((sum, count) => sum + count, 0);
  return reference.reduce((sum, count, i) => {
    const p = Math.max(count / referenceRows, LEAST_SHARE);
    const q = Math.max((window[i] as number) / windowRows, LEAST_SHARE);
    return sum + (p - q) * Math.log(p / q);
  }, 0);
}

/**
 * The same over the deciles of the reference, the outer two open. Equal deciles make one bin; values
 * that are a decile fall into the bin above it.
 * @param reference ascending, finite, at least one
 * @param window likewise
 */
export function decileStability(reference: Float64Array, window: Float64Array): number {
  const edges: number[] = [];
  for (let i = 1; i < DECILES; i += 1) {
    const edge = quantileOf(reference, i / DECILES);
    if (edge !== edges.at(-1)) edges.push(edge);
  }
  return populationStability(countBetween(reference, edges), countBetween(window, edges));
}

/** How many values lie in each bin: below the first edge, from each edge to the next, from the last up. */
function countBetween(sorted: Float64Array, edges: readonly number[]): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0);
  let bin = 0;
  for (const value of sorted) {
    while (bin < edges.length && value >= (edges[bin] as number)) bin += 1;
    counts[bin] = (counts[bin] as number) + 1;
  }
  return counts;
}
