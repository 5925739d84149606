/** What one key may ask of one model: so many requests a second, and so many at once after a pause. */
export interface Quota {
  readonly ratePerSec: number;
  readonly burst: number;
}

export interface QuotaTaken {
  /** The bucket's new state; null: refused, and it stays as it is. */
  readonly nextUs: bigint | null;
  /** Where refused: when the request would be let in. */
  readonly retryAfterMs: number;
}

/** The clock counts microseconds. */
export const MAX_RATE_PER_SEC = 1_000_000;

const US_PER_SEC = 1_000_000;
const US_PER_MS = 1000;

/**
 * A token bucket as one number, the generic cell rate algorithm (ITU-T I.371, "virtual scheduling"):
 * when the bucket would be full again. Pure.
 * @param fullAtUs 0 for a bucket that was never used
 */
export function takeToken(fullAtUs: bigint, nowUs: bigint, quota: Quota): QuotaTaken {
  const tokenUs = US_PER_SEC / quota.ratePerSec;
  const usedUs = fullAtUs > nowUs ? Number(fullAtUs - nowUs) : 0;
  const overUs = usedUs + tokenUs - quota.burst * tokenUs;
  // Whole microseconds are kept, so a token may be one short.
  if (overUs > 1) return { nextUs: null, retryAfterMs: overUs / US_PER_MS };
  return { nextUs: nowUs + BigInt(Math.round(usedUs + tokenUs)), retryAfterMs: 0 };
}
