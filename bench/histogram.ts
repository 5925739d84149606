/**
 * Counts of durations in log-linear buckets, as HdrHistogram keeps them: 1024 buckets to each power
 * of two, so that any percentile read back is at most 0.1 % above the exact one (3 significant
 * digits) and recording is O(1) in fixed memory. Unit inside: nanoseconds; outside: milliseconds.
 */

const SUB_BUCKETS = 1024;
const SUB_BITS = 10;
/** 2^42 ns is 73 minutes; longer is counted as that, and the exact maximum is kept beside. */
const MAX_BITS = 42;
const MAX_NS = 2 ** MAX_BITS - 1;
const BUCKETS = (MAX_BITS - SUB_BITS + 1) * SUB_BUCKETS;
const NS_PER_MS = 1e6;

/** The state of a histogram as plain data: crosses threads and processes. */
export interface HistogramSnapshot {
  readonly counts: Uint32Array;
  readonly sumMs: number;
  readonly maxMs: number;
}

/** A snapshot's counts before anything was recorded. */
export function emptyHistogramCounts(): Uint32Array {
  return new Uint32Array(BUCKETS);
}

export class Histogram {
  readonly #counts = emptyHistogramCounts();
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  /** 0 when empty. */
  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count;
  }

  /** Exact; 0 when empty. */
  get maxMs(): number {
    return this.#maxMs;
  }

  /** Negative durations (a clock's rounding) count as 0. */
  record(durationMs: number): void {
    const ns = Math.min(MAX_NS, Math.max(0, Math.round(durationMs * NS_PER_MS)));
    const bucket = bucketOf(ns);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#sumMs += durationMs;
    if (durationMs > this.#maxMs) this.#maxMs = durationMs;
  }

  /**
   * The smallest duration that at least `percent` % of the records do not exceed (nearest rank),
   * rounded up to its bucket's upper edge. 0 when empty. `percent` is in (0,100].
   */
  percentileMs(percent: number): number {
    const rank = Math.max(1, Math.ceil((percent / 100) * this.#count - 1e-9));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return Math.min(this.#maxMs, upperEdgeNs(bucket) / NS_PER_MS);
    }
    return this.#maxMs;
  }

  add(other: HistogramSnapshot): void {
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      const count = other.counts[bucket] ?? 0;
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#count += count;
    }
    this.#sumMs += other.sumMs;
    this.#maxMs = Math.max(this.#maxMs, other.maxMs);
  }

  /** A copy. */
  snapshot(): HistogramSnapshot {
    return { counts: this.#counts.slice(), sumMs: this.#sumMs, maxMs: this.#maxMs };
  }
}

/** Below 1024 ns a bucket is 1 ns wide; above, 2^e ns where 1024·2^e <= ns < 2048·2^e. */
function bucketOf(ns: number): number {
  if (ns < SUB_BUCKETS) return ns;
  const exponent = highestBit(ns) - SUB_BITS;
  return exponent * SUB_BUCKETS + Math.floor(ns / 2 ** exponent);
}

function upperEdgeNs(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket;
  const exponent = Math.floor(bucket / SUB_BUCKETS) - 1;
  const lower = bucket - exponent * SUB_BUCKETS;
  return (lower + 1) * 2 ** exponent - 1;
}

function highestBit(value: number): number {
  return value < 2 ** 32 ? 31 - Math.clz32(value) : 63 - Math.clz32(Math.floor(value / 2 ** 32));
}
