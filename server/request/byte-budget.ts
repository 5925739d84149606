import { InferError } from "../../protocols/core/status.ts";

/**
 * Bounds the request bytes that the process holds at once, over all threads: one shared counter.
 * Reserve before reading a body, release when its answer has been handed to the socket.
 */
export class ByteBudget {
  readonly #used: BigInt64Array;
  readonly #maxBytes: bigint;

  /** @param shared one BigInt64 cell, the same on every thread */
  constructor(shared: SharedArrayBuffer, maxBytes: number) {
    this.#used = new BigInt64Array(shared, 0, 1);
    this.#maxBytes = BigInt(maxBytes);
  }

  /** @throws InferError `queue-full` when the bytes do not fit now. */
  reserve(bytes: number): void {
    const amount = BigInt(bytes);
    const before = Atomics.add(this.#used, 0, amount);
    if (before + amount <= this.#maxBytes) return;
    Atomics.sub(this.#used, 0, amount);
    throw new InferError(
      "queue-full",
      `the server holds ${before} request bytes and cannot take ${bytes} more (maxInflightBytes ${this.#maxBytes})`,
      { retryAfterMs: 1000 },
    );
  }

  release(bytes: number): void {
    Atomics.sub(this.#used, 0, BigInt(bytes));
  }

  get usedBytes(): number {
    return Number(Atomics.load(this.#used, 0));
  }
}
