import type { NativeSessionId } from "../../native/addon.ts";

/** What a serving thread is given for one version: plain data, for the session is the process's. */
export interface NativeChannel {
  readonly kind: "native";
  readonly session: NativeSessionId;
  /** Most microseconds of one run on the serving thread; 0: none there. */
  readonly inlineBudgetUs: number;
  /** Most milliseconds that a job may be predicted to wait and run. */
  readonly maxQueueMs: number;
  /** What one run cost in vetting, milliseconds; null when unknown. */
  readonly sampleMs: number | null;
  /** This thread's run counters (run-counters.ts). */
  readonly runs: SharedArrayBuffer;
}
