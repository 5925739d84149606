import { Histogram, type HistogramSnapshot } from "./histogram.ts";
import { Timeline, type TimelineTally } from "./timeline.ts";

/** What one generator saw, as plain data. */
export interface LoadTally {
  readonly latency: HistogramSnapshot;
  /** How long after its intended start each request was sent; empty in the closed loop. */
  readonly lateness: HistogramSnapshot;
  /** Right answers that arrived inside the measured window. */
  readonly answeredInWindow: number;
  /** Right answers within the deadline; 0 where there is none. */
  readonly inTime: number;
  /** Failures of requests that should have started inside the window, by code. */
  readonly errors: Readonly<Record<string, number>>;
  readonly firstError: string | null;
  /** Open loop: requests that were never sent because the server fell too far behind. */
  readonly unsent: number;
  /** null when none was asked for. */
  readonly timeline: TimelineTally | null;
}

/** Sorts what happens into the measured window; latency counts from the intended start. */
export class LoadRecorder {
  readonly #deadlineMs: number | null;
  readonly #latency = new Histogram();
  readonly #lateness = new Histogram();
  readonly #errors = new Map<string, number>();
  #firstError: string | null = null;
  #answeredInWindow = 0;
  #inTime = 0;
  #unsent = 0;
  #fromMs = 0;
  #toMs = 0;
  #total = 0;
  #timeline: Timeline | null = null;

  /** @param deadlineMs from the intended start; null: none */
  constructor(deadlineMs: number | null = null) {
    this.#deadlineMs = deadlineMs;
  }

  /** All answers so far, warm-up too: for progress lines. */
  get total(): number {
    return this.#total;
  }

  get errorCount(): number {
    let count = 0;
    for (const errors of this.#errors.values()) count += errors;
    return count;
  }

  /** @param sliceMs null: no timeline */
  openWindow(fromMs: number, toMs: number, sliceMs: number | null): void {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
    this.#timeline = sliceMs === null ? null : new Timeline(fromMs, toMs, sliceMs);
  }

  answered(intendedMs: number, sentMs: number, doneMs: number): void {
    this.#total += 1;
    if (doneMs >= this.#fromMs && doneMs < this.#toMs) this.#answeredInWindow += 1;
    if (intendedMs < this.#fromMs) return;
    this.#timeline?.answered(intendedMs, doneMs - intendedMs);
    this.#latency.record(doneMs - intendedMs);
    if (this.#deadlineMs !== null && doneMs - intendedMs <= this.#deadlineMs) this.#inTime += 1;
    this.#lateness.record(sentMs - intendedMs);
  }

  failed(intendedMs: number, code: string, message: string): void {
    this.#firstError ??= `${code}: ${message}`;
    if (intendedMs < this.#fromMs) return;
    this.#timeline?.failed(intendedMs);
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  unsent(intendedMs: number): void {
    if (intendedMs >= this.#fromMs) this.#unsent += 1;
  }

  tally(): LoadTally {
    return {
      latency: this.#latency.snapshot(),
      lateness: this.#lateness.snapshot(),
      answeredInWindow: this.#answeredInWindow,
      inTime: this.#inTime,
      errors: Object.fromEntries(this.#errors),
      firstError: this.#firstError,
      unsent: this.#unsent,
      timeline: this.#timeline?.tally() ?? null,
    };
  }
}
