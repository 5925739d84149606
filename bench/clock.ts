import { setImmediate, setTimeout } from "node:timers/promises";

/** Milliseconds from any fixed point, monotonic; tests inject a virtual one. */
export interface Clock {
  now(): number;
  /** Resolves at once when the time has passed. */
  sleepUntil(timeMs: number): Promise<void>;
}

/** Timers fire up to about this late; the rest of a wait is spent polling. */
const TIMER_SLACK_MS = 2;

/**
 * Wakes within microseconds of the asked time, at the price of a busy thread near it: a timer alone
 * is 1 ms late, which is ten times what a fast server takes to answer.
 */
export const preciseClock: Clock = {
  now: () => performance.now(),
  async sleepUntil(timeMs: number): Promise<void> {
    const coarseMs = timeMs - performance.now() - TIMER_SLACK_MS;
    if (coarseMs > 0) await setTimeout(coarseMs);
    while (performance.now() < timeMs) await setImmediate();
  },
};
