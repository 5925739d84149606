import { setImmediate } from "node:timers/promises";
import type { Clock } from "../clock.ts";

interface Sleeper {
  readonly timeMs: number;
  readonly wake: () => void;
}

/** Time that moves only while `run` drives it, from one sleeper to the next. */
export class VirtualClock implements Clock {
  #nowMs = 0;
  readonly #sleepers: Sleeper[] = [];

  now(): number {
    return this.#nowMs;
  }

  sleepUntil(timeMs: number): Promise<void> {
    if (timeMs <= this.#nowMs) return Promise.resolve();
    return new Promise((wake) => this.#sleepers.push({ timeMs, wake }));
  }

  /** Runs `work` to its end. Throws when it waits for something that is not this clock. */
  async run<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined);
    for (;;) {
      await setImmediate();
      if (isDone) return done;
      const next = this.#takeEarliest();
      if (next === null) throw new Error("the work sleeps on no timer of the virtual clock");
      this.#nowMs = next.timeMs;
      next.wake();
    }
  }

  #takeEarliest(): Sleeper | null {
    let at = 0;
    for (let i = 1; i < this.#sleepers.length; i += 1) {
      if ((this.#sleepers[i]?.timeMs ?? 0) < (this.#sleepers[at]?.timeMs ?? 0)) at = i;
    }
    return this.#sleepers.splice(at, 1)[0] ?? null;
  }
}
