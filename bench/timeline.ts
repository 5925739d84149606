/** What happened to the requests that should have started in one slice of the measured window. */
export interface TimelineSlice {
  /** Start of the slice, from the start of the window. */
  readonly atMs: number;
  readonly answers: number;
  readonly errors: number;
  /** 0 where nothing was answered. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What one generator saw; latencies in milliseconds, slice by slice. */
export interface TimelineTally {
  readonly sliceMs: number;
  readonly latencies: readonly Float32Array[];
  readonly errors: Uint32Array;
}

/**
 * Keeps every latency of a window, to be cut into slices: a stall of 50 ms is nothing in the p99 of
 * ten seconds and all there is to see in its slice.
 */
export class Timeline {
  readonly #fromMs: number;
  readonly #sliceMs: number;
  readonly #latencies: number[][];
  readonly #errors: Uint32Array;

  constructor(fromMs: number, toMs: number, sliceMs: number) {
    this.#fromMs = fromMs;
    this.#sliceMs = sliceMs;
    const slices = Math.max(1, Math.ceil((toMs - fromMs) / sliceMs));
    this.#latencies = Array.from({ length: slices }, () => []);
    this.#errors = new Uint32Array(slices);
  }

  answered(intendedMs: number, latencyMs: number): void {
    this.#latencies[this.#sliceOf(intendedMs)]?.push(latencyMs);
  }

  failed(intendedMs: number): void {
    const slice = this.#sliceOf(intendedMs);
    this.#errors[slice] = (this.#errors[slice] ?? 0) + 1;
  }

  tally(): TimelineTally {
    return {
      sliceMs: this.#sliceMs,
      latencies: this.#latencies.map((slice) => Float32Array.from(slice)),
      errors: this.#errors,
    };
  }

  #sliceOf(intendedMs: number): number {
    return Math.floor((intendedMs - this.#fromMs) / this.#sliceMs);
  }
}

/** Of all threads together; null when none kept any. */
export function sumTimelines(tallies: readonly TimelineTally[]): TimelineSlice[] | null {
  const [first] = tallies;
  if (first === undefined) return null;
  return first.latencies.map((_, slice) => {
    const parts = tallies.map((tally) => tally.latencies[slice] ?? new Float32Array(0));
    const sorted = Float32Array.from(parts.flatMap((part) => [...part])).sort();
    const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
    return {
      atMs: slice * first.sliceMs,
      answers: sorted.length,
      errors: tallies.reduce((sum, tally) => sum + (tally.errors[slice] ?? 0), 0),
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      maxMs: sorted.at(-1) ?? 0,
    };
  });
}
