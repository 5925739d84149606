/**
 * Whether something seen in this window has been seen in `k` of the last `n` windows, this one counted:
 * one odd window is no reason to act, and what is over is none either.
 * @param before the windows before this one, newest last; more than n - 1 are cut off
 */
export function isAlert(
  isNow: boolean,
  before: readonly boolean[],
  { k, n }: { readonly k: number; readonly n: number },
): boolean {
  if (!isNow) return false;
  const recent = n > 1 ? before.slice(1 - n) : [];
  return 1 + recent.filter((was) => was).length >= k;
}
