import type { InferResponse } from "../protocols/core/infer.ts";
import type { InferError } from "../protocols/core/status.ts";

/** What became of one request. `answer` is decoded only when it was asked for and came. */
export interface Outcome {
  readonly failure: InferError | null;
  readonly answer: InferResponse | null;
}

export const ANSWERED: Outcome = { failure: null, answer: null };

/** One connection that carries one request at a time and connects again by itself after a failure. */
export interface Lane {
  /**
   * Sends the pre-encoded request `index` of the pool. REQUIRES: the one before has settled.
   * Never rejects; a silent server gives `deadline-exceeded`, a broken connection `unavailable`.
   */
  send(index: number, wantsAnswer: boolean): Promise<Outcome>;
  close(): void;
}
