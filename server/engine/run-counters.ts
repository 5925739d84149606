import { BATCH_CLOSES, type BatchClose, PLACEMENTS, type PlacementName } from "../models/loader.ts";

const CELLS = PLACEMENTS.length * BATCH_CLOSES.length;

const indexed = <K extends string>(keys: readonly K[]) =>
  Object.fromEntries(keys.map((key, i) => [key, i])) as Readonly<Record<K, number>>;
const PLACEMENT_INDEX = indexed(PLACEMENTS);
const CLOSE_INDEX = indexed(BATCH_CLOSES);

/** For one writer: a serving thread's channel or an engine thread. */
export function createRunBlock(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * Float64Array.BYTES_PER_ELEMENT);
}

/** The writing side: one writer a block, so no locks. */
export class RunCounter {
  readonly #cells: Float64Array;

  constructor(block: SharedArrayBuffer) {
    this.#cells = new Float64Array(block);
  }

  /** @param share of the batch: 1, or a job's rows over the batch's where jobs are told of singly */
  add(placement: PlacementName, closedBy: BatchClose, share: number): void {
    const cell = PLACEMENT_INDEX[placement] * BATCH_CLOSES.length + CLOSE_INDEX[closedBy];
    this.#cells[cell] = (this.#cells[cell] as number) + share;
  }
}

/** The reading side, on the control thread. */
export class RunReader {
  readonly #blocks: Float64Array[] = [];

  watch(block: SharedArrayBuffer): void {
    this.#blocks.push(new Float64Array(block));
  }

  /** Batches so far, over all writers. */
  batches(placement: PlacementName, closedBy: BatchClose): number {
    const cell = PLACEMENT_INDEX[placement] * BATCH_CLOSES.length + CLOSE_INDEX[closedBy];
    let sum = 0;
    for (const block of this.#blocks) sum += block[cell] as number;
    // Shares of one batch add up to 1 but for the last bits.
    return Math.round(sum);
  }
}
