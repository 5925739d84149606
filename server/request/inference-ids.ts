import { randomBytes } from "node:crypto";

const PREFIX_BYTES = 12;

/**
 * Mints the inference ids of one thread: 96 random bits and a counter, so that no two threads,
 * processes or replicas ever share one. They are names, not secrets: the next one can be guessed.
 */
export class InferenceIds {
  readonly #prefix = `${randomBytes(PREFIX_BYTES).toString("base64url")}.`;
  #next = 0;

  mint(): string {
    this.#next += 1;
    return this.#prefix + this.#next.toString(36);
  }
}
