import type { CategoryGroup } from "./category-groups.ts";
import { quantileOf } from "./statistics/quantile.ts";

/** Two samples in one picture. */
export type Histogram =
  | {
      readonly kind: "number";
      /** Ascending, one more than there are bins; the outer bins take what lies beyond them too. Empty without values. */
      readonly edges: readonly number[];
      /** Rows by bin. */
      readonly reference: readonly number[];
      readonly window: readonly number[];
    }
  | { readonly kind: "text"; readonly groups: readonly CategoryGroup[] };

const BINS = 20;
/** The picture shows this much of the values; few outliers would squeeze the rest into one bin. */
const SHOWN = 0.005;

/**
 * Bins of one width over what both samples hold.
 * @param reference ascending, finite
 * @param window likewise
 */
export function histogramOf(reference: Float64Array, window: Float64Array): Histogram {
  const samples = [reference, window].filter((sample) => sample.length > 0);
  if (samples.length === 0) return { kind: "number", edges: [], reference: [], window: [] };
  const low = Math.min(...samples.map((sample) => quantileOf(sample, SHOWN)));
  const high = Math.max(...samples.map((sample) => quantileOf(sample, 1 - SHOWN)));
  const bins = low === high ? 1 : BINS;
  const width = (high - low) / bins;
  const count = (values: Float64Array) => {
    const counts = new Array<number>(bins).fill(0);
    for (const value of values) {
      const bin = width === 0 ? 0 : Math.floor((value - low) / width);
      const kept = Math.min(bins - 1, Math.max(0, bin));
      counts[kept] = (counts[kept] as number) + 1;
    }
    return counts;
  };
  const edges = Array.from({ length: bins + 1 }, (_, i) => low + i * width);
  return { kind: "number", edges, reference: count(reference), window: count(window) };
}
