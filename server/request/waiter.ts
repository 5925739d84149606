import { InferError } from "../../protocols/core/status.ts";
import { createDeferred } from "../lib/deferred.ts";
import type { Job, Servable } from "../models/servable.ts";

/**
 * Who waits for one answer. The pipeline tells it where its job is; the transport tells it when the
 * client has gone, and then the job is cancelled. One thread.
 */
export class Waiter {
  #isGone = false;
  #servable: Servable | null = null;
  #job: Job | null = null;
  /** Ends a wait for something else than a job. */
  #interrupt: (() => void) | null = null;

  /** The client has gone: nobody reads the answer. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** By the pipeline, when the servable has the job. */
  await(servable: Servable, job: Job): void {
    this.#servable = servable;
    this.#job = job;
    if (this.#isGone) servable.cancel(job);
  }

  /**
   * By whoever waits for something before there is a job; one at a time.
   * @throws InferError `cancelled` as soon as the client has gone, or what `awaited` rejects with
   */
  async unlessGone(awaited: Promise<void>): Promise<void> {
    const left = createDeferred<void>();
    this.#interrupt = () => left.reject(clientGone());
    if (this.#isGone) this.#interrupt();
    try {
      await Promise.race([left.promise, awaited]);
    } finally {
      this.#interrupt = null;
    }
  }

  /** By the pipeline: the job has ended. */
  settle(): void {
    this.#servable = null;
    this.#job = null;
  }

  /** By the transport, at any time and any number of times, also after the answer. */
  leave(): void {
    this.#isGone = true;
    this.#interrupt?.();
    if (this.#servable === null || this.#job === null) return;
    this.#servable.cancel(this.#job);
  }
}

export function clientGone(): InferError {
  return new InferError("cancelled", "the client went away before its answer");
}
