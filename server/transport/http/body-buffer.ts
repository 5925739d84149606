import { InferError } from "../../../protocols/core/status.ts";
import type { ByteBudget } from "../../request/byte-budget.ts";

const FIRST_GROWTH_BYTES = 16 * 1024;
const NO_MEMORY = new Uint8Array(0);

/**
 * The body of one request: what it may hold, and the memory for one that comes in pieces (a chunk of
 * uWebSockets.js dies with its callback). Every byte is reserved first; `release` gives all of it
 * back, once.
 */
export class BodyBuffer {
  readonly #declaredBytes: number | null;
  readonly #maxBytes: number;
  readonly #budget: ByteBudget;
  /** Made when the first piece comes: most bodies come whole, and need none. */
  #memory: Uint8Array = NO_MEMORY;
  #length = 0;
  #reservedBytes = 0;

  /**
   * @param declaredBytes null when the length is not known (chunked)
   * @throws InferError `payload-too-large`, or `queue-full` when the budget has no room now
   */
  constructor(declaredBytes: number | null, maxBytes: number, budget: ByteBudget) {
    this.#declaredBytes = declaredBytes;
    this.#maxBytes = maxBytes;
    this.#budget = budget;
    const bytes = declaredBytes ?? 0;
    if (bytes > maxBytes) throw tooLarge(`${bytes} bytes`, maxBytes);
    this.holdAtLeast(bytes);
  }

  get maxBytes(): number {
    return this.#maxBytes;
  }

  /** Nothing is left to read. A chunked body is complete only when its listener says so. */
  get isComplete(): boolean {
    return this.#length === this.#declaredBytes;
  }

  /** Is a chunk of so many bytes all that the head declares? */
  isWhole(chunkBytes: number): boolean {
    return chunkBytes === this.#declaredBytes && this.#length === 0;
  }

  /** Reserves for a chunked body that came in one piece, to be used where it lies. @throws InferError as `append` */
  reserveWhole(bytes: number): void {
    if (bytes > this.#maxBytes) throw tooLarge("chunks", this.#maxBytes);
    this.holdAtLeast(bytes);
  }

  /** Copies a chunk. @throws InferError as the constructor does, or `invalid-argument` past the declared length */
  append(chunk: Uint8Array): void {
    const length = this.#length + chunk.byteLength;
    if (length > this.#memory.byteLength) this.#grow(length);
    this.#memory.set(chunk, this.#length);
    this.#length = length;
  }

  /** A view of what has been appended. */
  take(): Uint8Array {
    return this.#memory.subarray(0, this.#length);
  }

  /** Raises the reservation to `bytes`: an unsent answer counts too. @throws InferError `queue-full` */
  holdAtLeast(bytes: number): void {
    if (bytes <= this.#reservedBytes) return;
    this.#budget.reserve(bytes - this.#reservedBytes);
    this.#reservedBytes = bytes;
  }

  /** Holds what `other` holds, in place of its own bytes; `other` holds nothing then. */
  takeOver(other: BodyBuffer): void {
    this.release();
    this.#reservedBytes = other.#reservedBytes;
    other.#reservedBytes = 0;
  }

  release(): void {
    this.#budget.release(this.#reservedBytes);
    this.#reservedBytes = 0;
  }

  #grow(toBytes: number): void {
    const memory = new Uint8Array(this.#declaredBytes ?? this.#reserveGrowth(toBytes));
    if (toBytes > memory.byteLength) {
      throw new InferError("invalid-argument", "the body is longer than its content-length");
    }
    memory.set(this.#memory.subarray(0, this.#length));
    this.#memory = memory;
  }

  #reserveGrowth(toBytes: number): number {
    if (toBytes > this.#maxBytes) throw tooLarge("chunks", this.#maxBytes);
    const doubled = Math.max(FIRST_GROWTH_BYTES, this.#memory.byteLength * 2, toBytes);
    const capacity = Math.min(doubled, this.#maxBytes);
    this.holdAtLeast(capacity);
    return capacity;
  }
}

function tooLarge(came: string, maxBytes: number): InferError {
  return new InferError(
    "payload-too-large",
    `the body may have ${maxBytes} bytes (maxBodyBytes), got ${came === "chunks" ? "more in chunks" : came}`,
    { details: { maxBodyBytes: maxBytes } },
  );
}
