const BASE_MS = 5_000;
const FACTOR = 3;
const MAX_MS = 6 * 3600_000;
const MAX_RETRY_AFTER_MS = 24 * 3600_000;
const MIN_RETRY_AFTER_MS = 1_000;

/**
 * Wait after the n-th failed try (from 1): 5 s, 15 s, 45 s, … at most 6 h, less up to half of it by
 * chance, so that many outlets do not come back at once. Ten tries span 5 to 10 hours.
 * @param random in [0, 1)
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(MAX_MS, BASE_MS * FACTOR ** (failures - 1));
  return Math.round(full * (1 - random / 2));
}

/**
 * A Retry-After header (RFC 9110 §10.2.3: seconds or a date) as a wait between 1 s and 24 h; null
 * when there is none that can be read.
 */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  const waitMs = /^[0-9]{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  if (Number.isNaN(waitMs)) return null;
  return Math.min(MAX_RETRY_AFTER_MS, Math.max(MIN_RETRY_AFTER_MS, waitMs));
}
