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
