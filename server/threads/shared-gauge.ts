import type { QueueGauge } from "../request/admit.ts";
import { MAX_SLOTS } from "./shared-counters.ts";

export function createGaugeBlock(): SharedArrayBuffer {
  return new SharedArrayBuffer(MAX_SLOTS * Int32Array.BYTES_PER_ELEMENT);
}

/** Requests in flight per version, one atomic cell shared by all threads. */
export class SharedGauge implements QueueGauge {
  readonly #cells: Int32Array;

  constructor(block: SharedArrayBuffer) {
    this.#cells = new Int32Array(block);
  }

  enter(slot: number): number {
    return Atomics.add(this.#cells, slot, 1) + 1;
  }

  leave(slot: number): void {
    Atomics.sub(this.#cells, slot, 1);
  }

  read(slot: number): number {
    return Atomics.load(this.#cells, slot);
  }
}
