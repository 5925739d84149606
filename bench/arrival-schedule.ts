/** When each request of a run should start. */
export interface ArrivalSchedule {
  /** Milliseconds after the start of the run; null: as soon as a connection is free (closed loop). */
  intendedMs(sequence: number): number | null;
}

/** Each connection sends its next request when its last was answered. */
export const CLOSED_LOOP: ArrivalSchedule = { intendedMs: () => null };

/**
 * A constant rate that does not slow down with the server. Latency then counts from the intended
 * start, so the requests that a stall delayed all show it (coordinated omission corrected).
 */
export function constantRate(requestsPerSec: number): ArrivalSchedule {
  const intervalMs = 1000 / requestsPerSec;
  return { intendedMs: (sequence) => sequence * intervalMs };
}
