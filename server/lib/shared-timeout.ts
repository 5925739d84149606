import { performance } from "node:perf_hooks";

const SOONEST_MS = 1;

/**
 * One timer for any number of waits of one length. They fall due in the order in which they began, so
 * beginning and ending one is an entry in a map; a timer each costs several times as much, and nearly
 * all of them would be cleared at once. Does not keep its thread alive.
 */
export class SharedTimeout<T extends object> {
  readonly #timeoutMs: number;
  readonly #onLate: (wait: T) => void;
  /** When each falls due, on performance.now's clock; a Map keeps the order of entry. */
  readonly #dueMs = new Map<T, number>();
  #isArmed = false;

  /** @param onLate called once, after `timeoutMs`, for each that has not ended; must not throw */
  constructor(timeoutMs: number, onLate: (wait: T) => void) {
    this.#timeoutMs = timeoutMs;
    this.#onLate = onLate;
  }

  /** REQUIRES: not under way already. */
  start(wait: T): void {
    this.#dueMs.set(wait, performance.now() + this.#timeoutMs);
    if (!this.#isArmed) this.#arm(this.#timeoutMs);
  }

  end(wait: T): void {
    this.#dueMs.delete(wait);
  }

  /** The timer is left to run when the last wait ends: under traffic it would be set anew at once. */
  #arm(delayMs: number): void {
    this.#isArmed = true;
    setTimeout(() => this.#sweep(), Math.max(SOONEST_MS, Math.ceil(delayMs))).unref();
  }

  #sweep(): void {
    this.#isArmed = false;
    const nowMs = performance.now();
    for (const [wait, dueMs] of this.#dueMs) {
      if (dueMs > nowMs) {
        this.#arm(dueMs - nowMs);
        return;
      }
      this.#dueMs.delete(wait);
      this.#onLate(wait);
    }
  }
}
