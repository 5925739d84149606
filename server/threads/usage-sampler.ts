import type { Usage } from "../models/memory-room.ts";
import type { CounterReader } from "./shared-counters.ts";
import type { SharedGauge } from "./shared-gauge.ts";

interface Seen {
  readonly finished: number;
  readonly atMs: number;
}

/**
 * When each loaded version was last used, from what the serving threads count anyway: nothing is
 * added to a request, and the answer is as exact as the pause between two samples.
 */
export class UsageSampler implements Usage {
  readonly #reader: CounterReader;
  readonly #gauge: SharedGauge;
  readonly #nowMs: () => number;
  readonly #seen = new Map<number, Seen>();

  constructor(reader: CounterReader, gauge: SharedGauge, nowMs: () => number) {
    this.#reader = reader;
    this.#gauge = gauge;
    this.#nowMs = nowMs;
  }

  /** @param slots of all loaded versions */
  sample(slots: readonly number[]): void {
    const loaded = new Set(slots);
    for (const slot of this.#seen.keys()) if (!loaded.has(slot)) this.#seen.delete(slot);
    for (const slot of slots) this.#look(slot);
  }

  inFlight(slot: number): number {
    return this.#gauge.read(slot);
  }

  lastUsedMs(slot: number): number {
    return this.#look(slot).atMs;
  }

  #look(slot: number): Seen {
    const finished = this.#reader
      .duration(slot, "total")
      .counts.reduce((sum, count) => sum + count, 0);
    const before = this.#seen.get(slot);
    if (before !== undefined && before.finished === finished) return before;
    const seen = { finished, atMs: finished === 0 ? 0 : this.#nowMs() };
    this.#seen.set(slot, seen);
    return seen;
  }
}
