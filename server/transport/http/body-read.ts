import { InferError, toInferError } from "../../../protocols/core/status.ts";
import { createDeferred } from "../../lib/deferred.ts";
import type { BodyBuffer } from "./body-buffer.ts";

/**
 * One body on its way from a socket into a BodyBuffer, the part that both listeners share. Settles
 * once; what comes afterwards is thrown away.
 */
export class BodyRead {
  readonly #body: BodyBuffer;
  readonly #done = createDeferred<void>();
  #isSettled = false;

  constructor(body: BodyBuffer) {
    this.#body = body;
  }

  /** Resolves when the body is whole; rejects with an InferError. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  take(chunk: Uint8Array): void {
    if (this.#isSettled) return;
    try {
      this.#body.append(chunk);
    } catch (thrown) {
      this.fail(toInferError(thrown));
    }
  }

  finish(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#done.resolve();
  }

  fail(reason: InferError): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#done.reject(reason);
  }

  abort(): void {
    this.fail(new InferError("cancelled", "the client went away before its body had come"));
  }
}
