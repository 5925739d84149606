import type { Servable } from "./servable.ts";
import { SlowRequests } from "./slow-requests.ts";

/** A counted handle on a servable: the one thing through which the data path reaches a model. */
export interface Lease {
  readonly servable: Servable;
  /** Call exactly once, whatever happened to the request. */
  release(): void;
}

/**
 * Counts the leases of one servable on one thread. Not shared between threads: each serving thread
 * counts its own, and the control thread unloads when every thread has reported zero.
 */
export class LeaseCounter {
  readonly servable: Servable;
  /** Of the requests that this thread answered with it. */
  readonly slowest = new SlowRequests();
  #count = 0;
  #onIdle: (() => void) | null = null;

  constructor(servable: Servable) {
    this.servable = servable;
  }

  get count(): number {
    return this.#count;
  }

  acquire(): Lease {
    this.#count += 1;
    let isHeld = true;
    return {
      servable: this.servable,
      release: () => {
        if (!isHeld) throw new Error("a lease was released twice");
        isHeld = false;
        this.#count -= 1;
        this.#reportIdle();
      },
    };
  }

  /** Calls `onIdle` once, when no lease is left. REQUIRES: no map leads here any more. */
  retire(onIdle: () => void): void {
    this.#onIdle = onIdle;
    this.#reportIdle();
  }

  #reportIdle(): void {
    if (this.#count > 0 || this.#onIdle === null) return;
    const onIdle = this.#onIdle;
    this.#onIdle = null;
    onIdle();
  }
}
