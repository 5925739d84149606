import type { SlowRequest } from "./servable.ts";

const MAX_KEPT = 16;
const WINDOW_MS = 300_000;

/** How one successful request went. */
export type MeasuredRequest = Omit<SlowRequest, "inferenceId">;

/**
 * The slowest requests of the last five to ten minutes: the 16 of a window, and those of the one before.
 * A request that is not among them costs two comparisons.
 */
export class SlowRequests {
  #kept: SlowRequest[] = [];
  #before: readonly SlowRequest[] = [];
  /** The fastest of those that are kept; 0 while there is room. */
  #floorMs = 0;
  #untilEpochMs = 0;

  offer(measured: MeasuredRequest, inferenceId: string): void {
    if (measured.totalMs <= this.#floorMs && measured.endEpochMs < this.#untilEpochMs) return;
    this.#keep(measured, inferenceId);
  }

  /** Slowest first. */
  read(nowEpochMs: number): readonly SlowRequest[] {
    const sinceMs = nowEpochMs - 2 * WINDOW_MS;
    return [...this.#kept, ...this.#before]
      .filter(({ endEpochMs }) => endEpochMs >= sinceMs)
      .sort((a, b) => b.totalMs - a.totalMs)
      .slice(0, MAX_KEPT);
  }

  #keep(measured: MeasuredRequest, inferenceId: string): void {
    const { endEpochMs, rows, batchRows, queueMs, computeMs, totalMs } = measured;
    if (endEpochMs >= this.#untilEpochMs) {
      this.#before = this.#kept;
      this.#kept = [];
      this.#untilEpochMs = endEpochMs + WINDOW_MS;
    }
    this.#kept.push({ inferenceId, endEpochMs, rows, batchRows, queueMs, computeMs, totalMs });
    if (this.#kept.length < MAX_KEPT) {
      this.#floorMs = 0;
      return;
    }
    this.#kept.sort((a, b) => b.totalMs - a.totalMs);
    this.#kept.length = MAX_KEPT;
    this.#floorMs = (this.#kept[MAX_KEPT - 1] as SlowRequest).totalMs;
  }
}
