import { createRefusal, type InferError } from "../../protocols/core/status.ts";
import type { KeyRecord } from "./key-record.ts";
import { type Quota, takeToken } from "./quota.ts";

/** Two cells a bucket: whose it is, and when it is full again (microseconds since the epoch). */
const BUCKETS = 131_072;
/** Beyond so many that are taken, the thread counts by itself: laxer, but never a stranger's bucket. */
const MOST_PROBES = 32;
const US_PER_MS = 1000;

export function createQuotaBlock(): SharedArrayBuffer {
  return new SharedArrayBuffer(2 * BUCKETS * BigInt64Array.BYTES_PER_ELEMENT);
}

/** Where it is counted: two cells from `at` on. */
interface Bucket {
  readonly cells: BigInt64Array;
  readonly at: number;
}

interface Limited {
  readonly quota: Quota;
  /** By model, so that a name is hashed once a thread. */
  readonly buckets: Map<string, Bucket>;
}

/**
 * The quotas of keys, a bucket for each key and model, over all threads: buckets are in shared memory,
 * and no thread waits for another. Keys without a quota cost a lookup.
 */
export class Quotas {
  readonly #cells: BigInt64Array;
  readonly #clock: () => number;
  #limited: ReadonlyMap<string, Limited> = new Map();

  /**
   * @param shared from createQuotaBlock, the same on every thread
   * @param clock milliseconds since the epoch, the same on every thread
   */
  constructor(shared: SharedArrayBuffer, records: readonly KeyRecord[], clock: () => number) {
    this.#cells = new BigInt64Array(shared);
    this.#clock = clock;
    this.replace(records);
  }

  replace(records: readonly KeyRecord[]): void {
    const limited = new Map<string, Limited>();
    for (const { id, quota } of records) {
      if (quota !== null) limited.set(id, { quota, buckets: new Map() });
    }
    this.#limited = limited;
  }

  isLimited(keyId: string): boolean {
    return this.#limited.has(keyId);
  }

  /** Takes a request out of the key's quota. @returns why it may not be asked now; null: it may */
  take(keyId: string, model: string): InferError | null {
    const limited = this.#limited.get(keyId);
    if (limited === undefined) return null;
    const { quota, buckets } = limited;
    let bucket = buckets.get(model);
    if (bucket === undefined) {
      bucket = this.#claim(hashOf(`${keyId} ${model}`));
      buckets.set(model, bucket);
    }
    const retryAfterMs = this.#takeFrom(bucket, quota);
    if (retryAfterMs === 0) return null;
    return refusal(quota, keyId, model, retryAfterMs);
  }

  #takeFrom({ cells, at }: Bucket, quota: Quota): number {
    const cell = at + 1;
    const nowUs = BigInt(Math.floor(this.#clock() * US_PER_MS));
    for (;;) {
      const before = Atomics.load(cells, cell);
      const { nextUs, retryAfterMs } = takeToken(before, nowUs, quota);
      if (nextUs === null) return retryAfterMs;
      if (Atomics.compareExchange(cells, cell, before, nextUs) === before) return 0;
    }
  }

  /** The bucket of `hash`: taken once for all threads, or of this one where there is no room. */
  #claim(hash: bigint): Bucket {
    const home = Number(BigInt.asUintN(32, hash)) % BUCKETS;
    for (let probe = 0; probe < MOST_PROBES; probe += 1) {
      const cell = 2 * ((home + probe) % BUCKETS);
      const owner = Atomics.compareExchange(this.#cells, cell, 0n, hash);
      if (owner === 0n || owner === hash) return { cells: this.#cells, at: cell };
    }
    return { cells: new BigInt64Array(2), at: 0 };
  }
}

/** FNV-1a, 64 bits; never 0, which is nobody's. */
function hashOf(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return BigInt.asIntN(64, hash === 0n ? 1n : hash);
}

function refusal(quota: Quota, keyId: string, model: string, retryAfterMs: number): InferError {
  const { ratePerSec, burst } = quota;
  return createRefusal(
    "quota-exceeded",
    `the key '${keyId}' may ask model '${model}' ${ratePerSec} times a second, ${burst} at once`,
    retryAfterMs,
    { rate_per_sec: ratePerSec, burst },
  );
}
