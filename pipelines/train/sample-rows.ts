const MAX_SAMPLE_ROWS = 2000;
/** Of rows of each special kind (a value missing, a text unseen), where there are so many. */
const MAX_SPECIAL_ROWS = 200;

/**
 * Rows whose answers are kept for the replay: spread evenly over all rows, and on top rows of each
 * special kind. Ascending, none twice.
 * @param specials for each kind, 1 for each of `rows` rows that is of it
 */
export function chooseSampleRows(rows: number, specials: readonly Uint8Array[]): Int32Array {
  const chosen = new Set<number>();
  for (const special of specials) {
    const found: number[] = [];
    special.forEach((isSpecial, row) => {
      if (isSpecial === 1) found.push(row);
    });
    for (const index of spread(found.length, MAX_SPECIAL_ROWS)) chosen.add(found[index] as number);
  }
  for (const row of spread(rows, MAX_SAMPLE_ROWS - MAX_SPECIAL_ROWS * specials.length)) {
    chosen.add(row);
  }
  return Int32Array.from(chosen).sort();
}

/** At most `most` of 0 … size-1, evenly apart, the first and the last among them. */
function spread(size: number, most: number): number[] {
  if (size <= most) return Array.from({ length: size }, (_, index) => index);
  return Array.from({ length: most }, (_, i) => Math.floor((i * (size - 1)) / (most - 1)));
}
