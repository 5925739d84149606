/** Bytes of the shared memory under one limit. */
export const CONNECTION_CELL_BYTES = 2 * Int32Array.BYTES_PER_ELEMENT;

const OPEN = 0;
const REFUSED = 1;

/**
 * Counts the connections of one port over all threads that accept at it, and says when there are too
 * many. One object a thread, over the same memory.
 */
export class ConnectionLimit {
  readonly #cells: Int32Array;
  readonly #max: number;

  /** @param block CONNECTION_CELL_BYTES, zero at first */
  constructor(block: SharedArrayBuffer, max: number) {
    this.#cells = new Int32Array(block);
    this.#max = max;
  }

  /** false: one too many, which was counted as refused. Close it and do not call `leave`. */
  enter(): boolean {
    if (Atomics.add(this.#cells, OPEN, 1) < this.#max) return true;
    Atomics.sub(this.#cells, OPEN, 1);
    Atomics.add(this.#cells, REFUSED, 1);
    return false;
  }

  leave(): void {
    Atomics.sub(this.#cells, OPEN, 1);
  }

  get open(): number {
    return Atomics.load(this.#cells, OPEN);
  }

  get refused(): number {
    return Atomics.load(this.#cells, REFUSED);
  }
}
