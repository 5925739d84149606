/** A batch with fewer rows than this share of the median batch is too small. */
export const MIN_ROWS_SHARE = 0.1;
const MIN_BATCHES = 3;
/** Further back is another time. */
export const MAX_BATCHES = 30;

/**
 * The fewest rows that the history of accepted batches lets pass: a tenth of the median of the last
 * 30 (MAX_BATCHES), or half of the smallest among them if that is less. null for fewer than three batches.
 *
 * Batches that were cut at the feed's `batchRows` are told by the maximum being reached twice; they
 * are parts of an answer, not answers, and do not count: a first load in full batches must refuse
 * neither its own rest nor the small days after it. A source of always the same count has no bound
 * by history for that: give it `minRows`.
 * @param rows of accepted batches, oldest first
 */
export function fewestRows(rows: readonly number[]): number | null {
  const recent = rows.slice(-MAX_BATCHES);
  const most = Math.max(...recent);
  const atMost = recent.filter((count) => count === most).length;
  const whole = atMost > 1 ? recent.filter((n) => n < most) : recent;
  if (whole.length < MIN_BATCHES) return null;
  const sorted = [...whole].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const least = sorted[0] ?? 0;
  return Math.ceil(Math.min(median * MIN_ROWS_SHARE, least / 2));
}
