import { createDeferred } from "./deferred.ts";

/** A door that starts closed and opens once. */
export class Gate {
  readonly #opened = createDeferred<void>();

  open(): void {
    this.#opened.resolve();
  }

  get passed(): Promise<void> {
    return this.#opened.promise;
  }
}
