import type { Store } from "../store/store.ts";
import type { BatchRows } from "./batch-rows.ts";
import { decodeCursor, encodeCursor, FeedCursorError } from "./feed-cursor.ts";
import { isKnown, nextSlice, type Position, START } from "./landing-order.ts";

export interface FeedParts {
  readonly store: Store;
  readonly rows: BatchRows;
  readonly outlet: string;
  readonly dataset: string;
}

export interface FeedPage {
  /** Each a row as JSON, without line end. */
  readonly lines: readonly string[];
  /** Where to go on; valid for ever, at the end too. */
  readonly nextCursor: string;
  readonly hasMore: boolean;
}

export interface FeedLimits {
  readonly rows: number;
  /** A page ends with the row that passes this. */
  readonly bytes: number;
}

/** Rows that are read at once: what a page is over its bytes by is bounded by it. */
const READ_ROWS = 1000;

/**
 * The rows of a dataset's landed batches after a cursor, in the order of landing; each is given once
 * to a reader who goes on from `nextCursor`.
 * @param cursor null: from the first row
 * @throws FeedCursorError
 */
export async function readFeed(
  parts: FeedParts,
  cursor: string | null,
  limits: FeedLimits,
): Promise<FeedPage> {
  const { store, dataset } = parts;
  let position = await startOf(parts, cursor);
  const lines: string[] = [];
  let bytes = 0;
  let slice = await nextSlice(store, dataset, position);
  while (slice !== null && lines.length < limits.rows && bytes < limits.bytes) {
    const { batch, firstRow } = slice;
    const count = Math.min(READ_ROWS, limits.rows - lines.length, batch.rows - firstRow);
    const rows = await parts.rows.read(batch, firstRow, count);
    if (rows.length < count) {
      throw new Error(`batch ${batch.id} has fewer rows than the ${batch.rows} it landed with`);
    }
    let row = firstRow;
    for (const each of rows) {
      if (bytes >= limits.bytes) break;
      const line = JSON.stringify(each);
      lines.push(line);
      bytes += Buffer.byteLength(line) + 1;
      row += 1;
    }
    position = { seq: batch.seq, row };
    slice = await nextSlice(store, dataset, position);
  }
  return {
    lines,
    nextCursor: encodeCursor(parts.outlet, dataset, position),
    hasMore: slice !== null,
  };
}

/** Are there rows after this cursor? @throws FeedCursorError */
export async function hasRowsAfter(parts: FeedParts, cursor: string | null): Promise<boolean> {
  const position = await startOf(parts, cursor);
  return (await nextSlice(parts.store, parts.dataset, position)) !== null;
}

async function startOf(parts: FeedParts, cursor: string | null): Promise<Position> {
  if (cursor === null) return START;
  const { store, outlet, dataset } = parts;
  const position = decodeCursor(outlet, dataset, cursor);
  if (await isKnown(store, dataset, position)) return position;
  throw new FeedCursorError(
    "the cursor points at rows that are not here: it was given out by another store; start without one",
  );
}
