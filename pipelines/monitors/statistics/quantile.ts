/**
 * The value below which a share of the values lies, between neighbours by line: Hyndman and Fan
 * (1996) type 7, numpy's default.
 * @param sorted ascending, at least one value
 * @param share 0 … 1
 */
export function quantileOf(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (at - below);
}
