import type { StoreReader } from "../store/store.ts";

/**
 * The order in which a dataset's rows leave: by batches.seq, but for latecomers. A batch that lands
 * when one with a higher seq has landed before (it was quarantined and released, say) comes after
 * everything that readers may have been given already: readers only ever go forward.
 */
export interface Place {
  /** A batch's own seq; of a latecomer, the highest seq landed before it. 0: before the first. */
  readonly anchor: number;
  /** 0; of a latecomer, its number (from 1) after that anchor. */
  readonly late: number;
}

/** So many rows of the batch at this place, and all of the batches before it, are taken. */
export interface Position extends Place {
  readonly row: number;
}

export const START: Position = { anchor: 0, late: 0, row: 0 };

export interface Latecomer extends Place {
  readonly seq: number;
}

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
  readonly place: Place;
  /** Rows of it that were taken. */
  readonly firstRow: number;
}

export function comparePlaces(a: Place, b: Place): number {
  return a.anchor - b.anchor || a.late - b.late;
}

export function placeOf(seq: number, latecomers: readonly Latecomer[]): Place {
  const late = latecomers.find((entry) => entry.seq === seq);
  return { anchor: late?.anchor ?? seq, late: late?.late ?? 0 };
}

/** @param highestLanded seq of the dataset's other landed batches; 0 for none */
export function addLatecomer(
  latecomers: readonly Latecomer[],
  seq: number,
  highestLanded: number,
): readonly Latecomer[] {
  if (highestLanded < seq || latecomers.some((entry) => entry.seq === seq)) return latecomers;
  const sameAnchor = latecomers.filter((entry) => entry.anchor === highestLanded);
  return [...latecomers, { seq, anchor: highestLanded, late: sameAnchor.length + 1 }];
}

/**
 * The first rows after a position, null if there are none yet. Latecomers and batches must be of one
 * moment: read both within one transaction.
 */
export async function nextSlice(
  store: StoreReader,
  dataset: string,
  latecomers: readonly Latecomer[],
  position: Position,
): Promise<Slice | null> {
  const current = await batchAt(store, dataset, latecomers, position);
  if (current !== null && position.row < current.rows) {
    const { anchor, late, row } = position;
    return { batch: current, place: { anchor, late }, firstRow: row };
  }
  let place: Place = position;
  for (;;) {
    const next = await nextPlace(store, dataset, latecomers, place);
    if (next === null) return null;
    const batch = await batchAt(store, dataset, latecomers, next);
    if (batch !== null && batch.rows > 0) return { batch, place: next, firstRow: 0 };
    place = next;
  }
}

/** Is this a position that a reader of this dataset can have been given? */
export async function isKnown(
  store: StoreReader,
  dataset: string,
  latecomers: readonly Latecomer[],
  position: Position,
): Promise<boolean> {
  if (position.anchor === 0) return position.late === 0 && position.row === 0;
  const batch = await batchAt(store, dataset, latecomers, position);
  return batch !== null && position.row <= batch.rows;
}

async function nextPlace(
  store: StoreReader,
  dataset: string,
  latecomers: readonly Latecomer[],
  after: Place,
): Promise<Place | null> {
  const late = latecomers
    .filter((entry) => comparePlaces(entry, after) > 0)
    .reduce<Place | null>((a, b) => (a !== null && comparePlaces(a, b) <= 0 ? a : b), null);
  const lateSeqs = latecomers.map(({ seq }) => seq);
  const inOrder = await store
    .selectFrom("batches")
    .select("seq")
    .where("dataset", "=", dataset)
    .where("status", "=", "landed")
    .where("seq", ">", after.anchor)
    .$if(lateSeqs.length > 0, (query) => query.where("seq", "not in", lateSeqs))
    .orderBy("seq")
    .limit(1)
    .executeTakeFirst();
  if (inOrder === undefined) return late;
  const place = { anchor: inOrder.seq, late: 0 };
  return late !== null && comparePlaces(late, place) < 0 ? late : place;
}

async function batchAt(
  store: StoreReader,
  dataset: string,
  latecomers: readonly Latecomer[],
  { anchor, late }: Place,
): Promise<LandedBatch | null> {
  const seq = late === 0 ? anchor : seqOfLatecomer(latecomers, anchor, late);
  if (seq === null || seq === 0) return null;
  const batch = await store
    .selectFrom("batches")
    .select(["seq", "id", "path", "rows", "schema_json"])
    .where("seq", "=", seq)
    .where("dataset", "=", dataset)
    .where("status", "=", "landed")
    .executeTakeFirst();
  return batch ?? null;
}

function seqOfLatecomer(
  latecomers: readonly Latecomer[],
  anchor: number,
  late: number,
): number | null {
  return latecomers.find((entry) => entry.anchor === anchor && entry.late === late)?.seq ?? null;
}
