import type { Quantiles } from "../request/version-explanation.ts";
import type { HistogramReading } from "./shared-counters.ts";

/**
 * Quantiles of a histogram, linear within a bucket, as Prometheus's histogram_quantile; beyond the last
 * bound they are that bound. null: nothing was observed. Pure.
 * @param bounds upper bounds of all buckets but the last
 */
export function readQuantiles(
  { counts }: HistogramReading,
  bounds: readonly number[],
): Quantiles | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const at = (share: number) => quantile(counts, bounds, share * total);
  return { p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

function quantile(counts: readonly number[], bounds: readonly number[], rank: number): number {
  let below = 0;
  let from = 0;
  for (const [i, to] of bounds.entries()) {
    const count = counts[i] ?? 0;
    if (count > 0 && below + count >= rank) return from + ((to - from) * (rank - below)) / count;
    below += count;
    from = to;
  }
  return from;
}
