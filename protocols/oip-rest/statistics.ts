/**
 * Model statistics in JSON (Triton's extension_statistics.md): durations as {count, ns}, cumulative.
 * Reading inputs and writing outputs is part of `compute_infer` here, and nothing is cached: those
 * durations are zero.
 */

/** A count, and milliseconds over all of it. */
export interface DurationMessage {
  readonly count: number;
  readonly totalMs: number;
}

export interface ModelStatisticsMessage {
  readonly name: string;
  readonly version: string;
  /** Epoch milliseconds. */
  readonly lastEpochMs: number;
  readonly rows: number;
  readonly executions: number;
  readonly success: DurationMessage;
  readonly fail: DurationMessage;
  readonly queue: DurationMessage;
  readonly compute: DurationMessage;
  readonly batches: readonly { readonly rows: number; readonly compute: DurationMessage }[];
}

const NS_PER_MS = 1_000_000;
const NONE = { count: 0, ns: 0 };

export function encodeStatistics(versions: readonly ModelStatisticsMessage[]): Uint8Array {
  return Buffer.from(JSON.stringify({ model_stats: versions.map(statisticsOf) }));
}

function statisticsOf(version: ModelStatisticsMessage) {
  const { success, fail, queue, compute } = version;
  const moved = { count: compute.count, ns: 0 };
  return {
    name: version.name,
    version: version.version,
    last_inference: Math.floor(version.lastEpochMs),
    inference_count: version.rows,
    execution_count: version.executions,
    inference_stats: {
      success: durationOf(success),
      fail: durationOf(fail),
      queue: durationOf(queue),
      compute_input: moved,
      compute_infer: durationOf(compute),
      compute_output: moved,
      cache_hit: NONE,
      cache_miss: NONE,
    },
    response_stats: {},
    batch_stats: version.batches.map(({ rows, compute: each }) => ({
      batch_size: rows,
      compute_input: { count: each.count, ns: 0 },
      compute_infer: durationOf(each),
      compute_output: { count: each.count, ns: 0 },
    })),
    memory_usage: [],
  };
}

function durationOf({ count, totalMs }: DurationMessage) {
  return { count, ns: Math.round(totalMs * NS_PER_MS) };
}
