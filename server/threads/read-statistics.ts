import { BATCH_CLOSES, type BatchClose, PLACEMENTS, type PlacementName } from "../models/loader.ts";
import type { ServableId } from "../models/servable.ts";
import type { VersionStatistics } from "../request/version-statistics.ts";
import { type CounterReader, MAX_BATCH_SIZE, OUTCOMES, PROTOCOLS } from "./shared-counters.ts";

/** A loaded version, as far as its statistics go. */
export interface CountedVersion {
  readonly id: ServableId;
  readonly slot: number;
  /** Runs of the engine so far. */
  readonly executions: number;
}

/** Adds up what all serving threads counted of one version. On the control thread. */
export function readStatistics(
  counters: CounterReader,
  { id, slot, executions }: CountedVersion,
): VersionStatistics {
  const succeeded = PROTOCOLS.reduce((sum, each) => sum + counters.requests(slot, each, "ok"), 0);
  const failed = countFailed(counters, slot);
  const failMs = counters.failedMs(slot);
  const duration = (count: number, totalMs: number) => ({ count, totalMs });
  const batches = [];
  for (let rows = 1; rows <= MAX_BATCH_SIZE; rows++) {
    const { runs, computeMs } = counters.batch(slot, rows);
    if (runs > 0) batches.push({ rows, compute: duration(runs, computeMs) });
  }
  return {
    id,
    lastEpochMs: counters.lastEpochMs(slot),
    rows: counters.rows(slot),
    executions,
    success: duration(succeeded, counters.duration(slot, "total").sum - failMs),
    fail: duration(failed, failMs),
    queue: duration(succeeded, counters.duration(slot, "queue").sum),
    compute: duration(succeeded, counters.duration(slot, "compute").sum),
    batches,
  };
}

/** Runs of the engine so far, wherever they ran. */
export function countRuns(
  batches: (placement: PlacementName, closedBy: BatchClose) => number,
): number {
  let runs = 0;
  for (const placement of PLACEMENTS) {
    for (const closedBy of BATCH_CLOSES) runs += batches(placement, closedBy);
  }
  return runs;
}

function countFailed(counters: CounterReader, slot: number): number {
  let failed = 0;
  for (const protocol of PROTOCOLS) {
    for (const outcome of OUTCOMES) {
      if (outcome !== "ok") failed += counters.requests(slot, protocol, outcome);
    }
  }
  return failed;
}
