import { setTimeout as delay } from "node:timers/promises";
import { ApiError } from "./api-error.ts";

const MAX_WAITERS = 64;
const LOOK_EVERY_MS = 250;

/** Requests that wait for rows: bounded in number, ended together. */
export class WaitingRoom {
  readonly #max: number;
  readonly #closing = new AbortController();
  #waiters = 0;

  constructor(max = MAX_WAITERS) {
    this.#max = max;
  }

  /**
   * Resolves when `isThere` does to true, after `waitMs`, when the client goes or the room closes.
   * @throws ApiError 429 when too many wait
   */
  async waitFor(
    isThere: () => Promise<boolean>,
    waitMs: number,
    clientGone: AbortSignal,
  ): Promise<void> {
    if (this.#waiters >= this.#max) {
      throw new ApiError(
        429,
        `${this.#max} requests wait for rows already; poll without waitSecs`,
        {
          "retry-after": "1",
        },
      );
    }
    this.#waiters += 1;
    const signal = AbortSignal.any([clientGone, this.#closing.signal]);
    const untilMs = performance.now() + waitMs;
    try {
      while (!signal.aborted && performance.now() < untilMs && !(await isThere())) {
        const leftMs = Math.max(0, untilMs - performance.now());
        await delay(Math.min(LOOK_EVERY_MS, leftMs), null, { signal }).catch(() => null);
      }
    } finally {
      this.#waiters -= 1;
    }
  }

  /** Sends everybody home, now and later. */
  close(): void {
    this.#closing.abort();
  }
}
