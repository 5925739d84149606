import type { StoreReader } from "../store/store.ts";

/**
 * The order in which a dataset's rows leave: a batch gets its seq, above all others, when it lands,
 * so that nothing ever lands behind a reader. All rows before this position are taken.
 */
export interface Position {
  /** Of a landed batch; 0: before the first. */
  readonly seq: number;
  /** So many rows of that batch are taken. */
  readonly row: number;
}

export const START: Position = { seq: 0, row: 0 };

export interface LandedBatch {
  readonly seq: number;
  readonly id: string;
  readonly path: string;
  readonly rows: number;
  /** ColumnSchema[]. */
  readonly schema_json: string;
}

/** What is to be taken next. */
export interface Slice {
  readonly batch: LandedBatch;
  /** Rows of it that were taken. */
  readonly firstRow: number;
}

/** The first rows after a position, null if there are none yet. */
export async function nextSlice(
  store: StoreReader,
  dataset: string,
  { seq, row }: Position,
): Promise<Slice | null> {
  const batch = await store
    .selectFrom("batches")
    .select(["seq", "id", "path", "rows", "schema_json"])
    .where("dataset", "=", dataset)
    .where("status", "=", "landed")
    .where("seq", ">=", seq)
    .where("rows", ">", 0)
    .where((each) => each.or([each("seq", ">", seq), each("rows", ">", row)]))
    .orderBy("seq")
    .limit(1)
    .executeTakeFirst();
  if (batch === undefined) return null;
  return { batch, firstRow: batch.seq === seq ? row : 0 };
}

/** Is this a position that a reader of this dataset can have been given? */
export async function isKnown(
  store: StoreReader,
  dataset: string,
  { seq, row }: Position,
): Promise<boolean> {
  if (seq === 0) return row === 0;
  const batch = await store
    .selectFrom("batches")
    .select("rows")
    .where("seq", "=", seq)
    .where("dataset", "=", dataset)
    .where("status", "=", "landed")
    .executeTakeFirst();
  return batch !== undefined && row <= batch.rows;
}
