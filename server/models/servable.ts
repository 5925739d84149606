import type { Signature } from "../../protocols/core/signature.ts";
import type { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";

/** A version of a model. */
export interface ServableId {
  readonly model: string;
  readonly version: number;
}

/** One key per load: a version that is unloaded and loaded again gets a new one. */
export type ServableKey = string;

/** Rows may be stacked along dimension 0 of every input (proved at vetting), up to `maxRows`. */
export interface Batching {
  readonly maxRows: number;
}

/** What the data path knows of a loaded version; the same on every thread. */
export interface ServableInfo {
  readonly key: ServableKey;
  readonly id: ServableId;
  readonly platform: string;
  readonly signature: Signature;
  /** null: requests are computed one by one. */
  readonly batching: Batching | null;
  /** Most requests waiting or running at once, over all threads; more is `queue-full`. */
  readonly maxQueue: number;
  /** This servable's row in the shared counters (threads/shared-counters.ts). */
  readonly slot: number;
}

/** One request, ready to compute: every input of the signature, validated. */
export interface Job {
  readonly inputs: readonly Tensor[];
  /** Names, in the order of the answer. */
  readonly outputs: readonly string[];
  /** Absolute time, epoch milliseconds; null for none. Expired jobs are dropped before compute. */
  readonly deadlineEpochMs: number | null;
  /** 1 is the most urgent (protocols/core/schedule.ts); it decides who waits, not whether. */
  readonly priority: number;
}

export interface JobResult {
  readonly outputs: readonly Tensor[];
  /** From submission to the start of compute. */
  readonly queueMs: number;
  readonly computeMs: number;
  /** Rows of the batch that this job was part of. */
  readonly batchRows: number;
}

/** A request that took long, as the thread that answered it measured it. */
export interface SlowRequest {
  readonly inferenceId: string;
  readonly endEpochMs: number;
  /** Of the request itself. */
  readonly rows: number;
  readonly batchRows: number;
  readonly queueMs: number;
  readonly computeMs: number;
  /** With decoding and encoding. */
  readonly totalMs: number;
}

/**
 * Why runs of a shape class are where they are. On the serving thread: `cheap`. On the engine's threads:
 * `off` (inlineBudgetUs is 0), `unproven` (too few runs so far), `dear` (the last runs cost more than
 * inlineBudgetUs), `demoted` (it overran the budget on the serving thread and may not come back yet).
 */
export type PlacementReason = "cheap" | "off" | "unproven" | "dear" | "demoted";

/** What one serving thread has learned of requests of one shape. */
export interface ClassExplanation {
  /** Per input; -1 is the dimension that rows are stacked along. */
  readonly shapes: readonly (readonly number[])[];
  readonly outputs: readonly string[];
  readonly placement: "inline" | "engine";
  readonly reason: PlacementReason;
  /** Until it may come back, at the earliest; null where it is not demoted. */
  readonly demotedForMs: number | null;
  /** CPU time on the serving thread, baseUs + slopeUs a row, over about 20 runs; null: never ran there. */
  readonly inlineCost: {
    readonly baseUs: number;
    readonly slopeUs: number;
    readonly maxRows: number;
  } | null;
  /** The best of three runs on the engine's threads, by the clock; null: not measured since it left them. */
  readonly engineCost: { readonly rows: number; readonly us: number } | null;
}

/** A loaded version as one serving thread sees it. Reached only through a lease. */
export interface Servable {
  readonly info: ServableInfo;
  /**
   * Why no request with that deadline could be answered in time, whatever it holds; asked before it is
   * decoded. null: `run` decides. Synchronous, so that it needs no lease; never throws.
   */
  findOverload(deadlineEpochMs: number | null): InferError | null;
  /** How long what waits for the engine is predicted to take, milliseconds; null: nobody knows. */
  predictDrainMs(): number | null;
  /**
   * Computes one job. Any number may be in flight. The inputs' memory belongs to the engine from the
   * call on. Rejects with InferError `unavailable` when the engine's worker ends first,
   * `deadline-exceeded`, `cancelled`, or `invalid-argument` when the graph refuses the values.
   */
  run(job: Job): Promise<JobResult>;
  /**
   * Nobody waits for the job any more. What has not begun is dropped, and its `run` rejects with
   * `cancelled`; what has begun is ended where that can be done, or goes on to its end. Nothing for a
   * job that has ended. Never throws.
   */
  cancel(job: Job): void;
}
