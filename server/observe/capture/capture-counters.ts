/**
 * What capture counts, in memory that all threads share: any of them may add, the control thread
 * reads. One cell holds the bytes that wait to be written.
 */

export const RECORD_KINDS = ["prediction", "label"] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];

/** Why something was not kept: no room in the queue, one tensor too large, disk or Redis refused. */
export const DROP_REASONS = ["queue-full", "tensor-too-large", "sink-failed"] as const;
export type DropReason = (typeof DROP_REASONS)[number];

const WAITING = 0;
const RECORDS_AT = 1;
const DROPS_AT = RECORDS_AT + RECORD_KINDS.length;
const CELLS = DROPS_AT + DROP_REASONS.length;

export function createCaptureBlock(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * BigInt64Array.BYTES_PER_ELEMENT);
}

export class CaptureCounters {
  readonly #cells: BigInt64Array;

  constructor(block: SharedArrayBuffer) {
    this.#cells = new BigInt64Array(block);
  }

  /** False, with nothing taken, when that many bytes more would not fit. */
  reserve(bytes: number, maxBytes: number): boolean {
    const amount = BigInt(bytes);
    const before = Atomics.add(this.#cells, WAITING, amount);
    if (before + amount <= BigInt(maxBytes)) return true;
    Atomics.sub(this.#cells, WAITING, amount);
    return false;
  }

  release(bytes: number): void {
    Atomics.sub(this.#cells, WAITING, BigInt(bytes));
  }

  addRecords(kind: RecordKind, count: number): void {
    Atomics.add(this.#cells, RECORDS_AT + RECORD_KINDS.indexOf(kind), BigInt(count));
  }

  addDropped(reason: DropReason, count: number): void {
    Atomics.add(this.#cells, DROPS_AT + DROP_REASONS.indexOf(reason), BigInt(count));
  }

  get waitingBytes(): number {
    return this.#read(WAITING);
  }

  records(kind: RecordKind): number {
    return this.#read(RECORDS_AT + RECORD_KINDS.indexOf(kind));
  }

  dropped(reason: DropReason): number {
    return this.#read(DROPS_AT + DROP_REASONS.indexOf(reason));
  }

  #read(cell: number): number {
    return Number(Atomics.load(this.#cells, cell));
  }
}
