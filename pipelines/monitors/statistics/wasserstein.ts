import { momentsOf } from "./moments.ts";

/**
 * Wasserstein distance of order 1 (earth mover's) between two samples: the area between their
 * distribution functions, in units of the values. scipy.stats.wasserstein_distance.
 * @param first ascending, finite, at least one
 * @param second likewise
 */
export function wasserstein(first: Float64Array, second: Float64Array): number {
  let area = 0;
  let i = 0;
  let j = 0;
  let at = Math.min(first[0] as number, second[0] as number);
  while (i < first.length || j < second.length) {
    const next = Math.min(
      first[i] ?? Number.POSITIVE_INFINITY,
      second[j] ?? Number.POSITIVE_INFINITY,
    );
    area += Math.abs(i / first.length - j / second.length) * (next - at);
    at = next;
    while (i < first.length && first[i] === at) i += 1;
    while (j < second.length && second[j] === at) j += 1;
  }
  return area;
}

/**
 * Wasserstein distance in standard deviations (population) of the reference, as Evidently's
 * "Wasserstein distance (normed)". A reference that is one value has no deviation: there it is the
 * share of `window` that differs from that value, whatever the unit.
 * @param reference ascending, finite, at least one
 * @param window likewise
 */
export function normedWasserstein(reference: Float64Array, window: Float64Array): number {
  const { mean, deviation } = momentsOf(reference);
  if (deviation === 0) {
    return window.reduce((count, value) => (value === mean ? count : count + 1), 0) / window.length;
  }
  return wasserstein(reference, window) / deviation;
}
