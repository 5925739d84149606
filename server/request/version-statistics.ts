import type { ServableId } from "../models/servable.ts";

/** A count, and milliseconds over all of it. */
export interface Duration {
  readonly count: number;
  readonly totalMs: number;
}

/** What one loaded version has done since it was loaded, over all serving threads. */
export interface VersionStatistics {
  readonly id: ServableId;
  /** End of the last successful request, epoch milliseconds; 0: none. */
  readonly lastEpochMs: number;
  /** Rows of successful requests. */
  readonly rows: number;
  /** Runs of the engine. */
  readonly executions: number;
  readonly success: Duration;
  readonly fail: Duration;
  /** Of successful requests; the run that a request shares with others counts whole for each. */
  readonly queue: Duration;
  readonly compute: Duration;
  /** Runs by their rows, each counted once, up to MAX_BATCH_SIZE rows. */
  readonly batches: readonly { readonly rows: number; readonly compute: Duration }[];
}
