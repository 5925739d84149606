import type { ClassExplanation, ServableId, SlowRequest } from "../models/servable.ts";

/** Read off a histogram: within a bucket by its middle ground, beyond the last bucket its bound. */
export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** What one serving thread knows of a loaded version. */
export interface ThreadExplanation {
  /** `http-0`, … */
  readonly thread: string;
  /** How long what waits for the engine is predicted to take; null: not worth a word, or not known. */
  readonly predictedWaitMs: number | null;
  readonly classes: readonly ClassExplanation[];
  /** Of the last five to ten minutes, slowest first, 16 at most; failed requests are not among them. */
  readonly slowest: readonly SlowRequest[];
}

/** Why requests of a loaded version wait, and why its batches close. */
export interface VersionExplanation {
  readonly id: ServableId;
  /** Requests waiting or running. */
  readonly inFlight: number;
  readonly maxQueue: number;
  /** 1: rows are never stacked. */
  readonly maxBatchRows: number;
  /** Batches that ran, by where and why they closed; those that never happened are left out. */
  readonly batches: readonly {
    readonly placement: "inline" | "engine";
    readonly closedBy: string;
    readonly count: number;
  }[];
  /** Rows of a batch; null before the first. */
  readonly meanBatchRows: number | null;
  /** Milliseconds since the load; `total` counts failed requests too. null before the first. */
  readonly totalMs: Quantiles | null;
  readonly queueMs: Quantiles | null;
  readonly computeMs: Quantiles | null;
  readonly threads: readonly ThreadExplanation[];
  /** Serving threads that did not answer in time: they are in a long step, or overloaded. */
  readonly silentThreads: number;
}
