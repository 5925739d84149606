/** A batch with fewer rows than this share of the median batch is too small. */
export const MIN_ROWS_SHARE = 0.1;
const MIN_BATCHES = 3;
/** Further back is another time. */
export const MAX_BATCHES = 30;

/**
 * The fewest rows that the history of accepted batches lets pass: a tenth of the median of the last
 * 30 (MAX_BATCHES), or half of the smallest among them if that is less. null for fewer than three batches.
 * @param rows of accepted batches, oldest first, without the pieces of answers that came in several:
 * how those were cut says nothing of the source
 */
export function fewestRows(rows: readonly number[]): number | null {
  const recent = rows.slice(-MAX_BATCHES);
  if (recent.length < MIN_BATCHES) return null;
  const sorted = [...recent].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const least = sorted[0] ?? 0;
  return Math.ceil(Math.min(median * MIN_ROWS_SHARE, least / 2));
}
