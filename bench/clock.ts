import { setImmediate, setTimeout } from "node:timers/promises";

/** Milliseconds from any fixed point, monotonic; tests inject a virtual one. */
export interface Clock {
  now(): number;
  /** Resolves at once when the time has passed. */
  sleepUntil(timeMs: number): Promise<void>;
}

interface Sleeper {
  readonly timeMs: number;
  readonly wake: () => void;
}

/** Timers fire up to about this late; the rest of a wait is spent polling. */
const TIMER_SLACK_MS = 2;

/**
 * Wakes within microseconds of the asked time, at the price of a busy thread near it: a timer alone is
 * 1 ms late, which is ten times what a fast server takes to answer. One queue and one poller for all
 * connections that wait for their turn: polling in each of thousands would cost more than the requests.
 */
export class QueueClock implements Clock {
  /** Latest first: the next one is taken from the end. */
  readonly #sleepers: Sleeper[] = [];
  #isPolling = false;

  now(): number {
    return performance.now();
  }

  sleepUntil(timeMs: number): Promise<void> {
    if (timeMs <= performance.now()) return Promise.resolve();
    return new Promise((wake) => {
      this.#insert({ timeMs, wake });
      if (!this.#isPolling) void this.#poll();
    });
  }

  /** Connections ask in the order of their turns, or nearly. */
  #insert(sleeper: Sleeper): void {
    let low = 0;
    let high = this.#sleepers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sleepers[middle]?.timeMs ?? 0) > sleeper.timeMs) low = middle + 1;
      else high = middle;
    }
    this.#sleepers.splice(low, 0, sleeper);
  }

  async #poll(): Promise<void> {
    this.#isPolling = true;
    for (let next = this.#sleepers.at(-1); next !== undefined; next = this.#sleepers.at(-1)) {
      const leftMs = next.timeMs - performance.now();
      // Never for long: who asks next may want to wake earlier.
      if (leftMs > TIMER_SLACK_MS) await setTimeout(1);
      else if (leftMs > 0) await setImmediate();
      else {
        this.#sleepers.pop();
        next.wake();
      }
    }
    this.#isPolling = false;
  }
}
