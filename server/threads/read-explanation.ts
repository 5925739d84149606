import { BATCH_CLOSES, type LoadedVersion, PLACEMENTS } from "../models/loader.ts";
import type { ServableInfo } from "../models/servable.ts";
import type { ThreadExplanation, VersionExplanation } from "../request/version-explanation.ts";
import { readQuantiles } from "./histogram-quantiles.ts";
import { type CounterReader, DURATION_BOUNDS_MS, type Phase } from "./shared-counters.ts";
import type { SharedGauge } from "./shared-gauge.ts";

export interface ExplainedVersion {
  readonly info: ServableInfo;
  readonly loaded: Pick<LoadedVersion<unknown>, "batches">;
  readonly threads: readonly ThreadExplanation[];
  readonly silentThreads: number;
}

/** Puts together what the counters say of a version and what its threads told. On the control thread. */
export function readExplanation(
  counters: CounterReader,
  gauge: SharedGauge,
  { info, loaded, threads, silentThreads }: ExplainedVersion,
): VersionExplanation {
  const { id, slot, maxQueue, batching } = info;
  const batches = PLACEMENTS.flatMap((placement) =>
    BATCH_CLOSES.map((closedBy) => ({
      placement,
      closedBy,
      count: loaded.batches(placement, closedBy),
    })),
  ).filter(({ count }) => count > 0);
  const runs = batches.reduce((sum, { count }) => sum + count, 0);
  const quantiles = (phase: Phase) =>
    readQuantiles(counters.duration(slot, phase), DURATION_BOUNDS_MS);
  return {
    id,
    inFlight: gauge.read(slot),
    maxQueue,
    maxBatchRows: batching?.maxRows ?? 1,
    batches,
    meanBatchRows: runs === 0 ? null : counters.rows(slot) / runs,
    totalMs: quantiles("total"),
    queueMs: quantiles("queue"),
    computeMs: quantiles("compute"),
    threads,
    silentThreads,
  };
}
