import { InferError, toInferError } from "../../../protocols/core/status.ts";
import type { SharedTimeout } from "../../lib/shared-timeout.ts";
import type { BodyBuffer } from "./body-buffer.ts";

/** Who waits for a body; exactly one of the two is called, once. */
export interface BodyReceiver {
  /** @param isBorrowed `bytes` die with the call: what must outlive it has to be copied */
  onBody(bytes: Uint8Array, isBorrowed: boolean): void;
  onBodyFailed(reason: InferError): void;
}

/**
 * One body on its way from a socket to its receiver, the part that both listeners share. Settles once;
 * what comes afterwards is thrown away. A body that comes in one piece is handed on as it lies.
 */
export class BodyRead {
  readonly #body: BodyBuffer;
  readonly #receiver: BodyReceiver;
  readonly #timeouts: SharedTimeout<BodyRead>;
  #hasPart = false;
  #isSettled = false;
  #isCutShort = false;

  /** @param timeouts the read is entered there until it settles */
  constructor(body: BodyBuffer, receiver: BodyReceiver, timeouts: SharedTimeout<BodyRead>) {
    this.#body = body;
    this.#receiver = receiver;
    this.#timeouts = timeouts;
    timeouts.start(this);
  }

  /** `cutShort` ended it. */
  get isCutShort(): boolean {
    return this.#isCutShort;
  }

  /** @param isLast false where the listener cannot tell; it calls `finish` then */
  take(chunk: Uint8Array, isLast: boolean): void {
    if (this.#isSettled) return;
    const isWhole = !this.#hasPart && (isLast || this.#body.isWhole(chunk.byteLength));
    try {
      if (isWhole) this.#body.reserveWhole(chunk.byteLength);
      else this.#body.append(chunk);
    } catch (thrown) {
      this.#fail(toInferError(thrown));
      return;
    }
    this.#hasPart = true;
    if (isWhole) {
      this.#settle();
      this.#receiver.onBody(chunk, true);
    } else if (isLast) {
      this.finish();
    }
  }

  finish(): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#receiver.onBody(this.#body.take(), false);
  }

  /** Ends it from our side; what still comes is not read. */
  cutShort(reason: InferError): void {
    this.#isCutShort = true;
    this.#fail(reason);
  }

  abort(): void {
    if (this.#isSettled) return;
    this.#fail(new InferError("cancelled", "the client went away before its body had come"));
  }

  #fail(reason: InferError): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#receiver.onBodyFailed(reason);
  }

  #settle(): void {
    this.#isSettled = true;
    this.#timeouts.end(this);
  }
}
