/** A first load is never the last: there must be one to compare with. */
const MIN_LOADS = 2;
/** Whatever still gets cheaper after this has other reasons than a cold start. */
const MAX_LOADS = 6;
const STEADY_SHARE = 0.95;

/**
 * Whether a server is warm: compiled, its costs learned. A cold one beside a warm one would lose for
 * that alone, by half and more in the first seconds.
 * @param costs CPU time for each answer (or another cost) of its loads so far, in their order
 */
export function isWarm(costs: readonly number[]): boolean {
  if (costs.length < MIN_LOADS) return false;
  const before = Math.min(...costs.slice(0, -1));
  return costs.length >= MAX_LOADS || (costs.at(-1) ?? 0) >= before * STEADY_SHARE;
}
