import type { MessagePort } from "node:worker_threads";
import type { StatusCode } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import type { Batching } from "../models/servable.ts";

/**
 * Messages of the portable engine. Control thread and worker speak over one `control` port per
 * slot; each serving thread and each worker over a port of their own, so that no request passes
 * the control thread. Every field is always present.
 */

/** The one long task of a Piscina worker: hold a session until told to close. */
export interface SlotTask {
  readonly modelPath: string;
  readonly intraOpThreads: number;
  readonly batching: Batching | null;
  /** What the warm-up runs are made of; null where vetting found none that the graph takes. */
  readonly warmup: readonly Tensor[] | null;
  /** This slot's run counters (run-counters.ts). */
  readonly runs: SharedArrayBuffer;
  readonly control: MessagePort;
}

export type ToSlot =
  | { readonly kind: "attach"; readonly port: MessagePort }
  | { readonly kind: "close" };

/** A failure is the task's rejection: a message could come after it. */
export type FromSlot = { readonly kind: "loaded" } | { readonly kind: "ready" };

/** A job on its way from a serving thread to a slot. */
export interface SlotJob {
  readonly id: number;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
  readonly submittedEpochMs: number;
  readonly deadlineEpochMs: number | null;
  readonly priority: number;
}

/** All jobs of one turn of the serving thread's event loop. */
export interface SlotJobs {
  readonly jobs: readonly SlotJob[];
  /** Ids of earlier jobs that nobody waits for any more. */
  readonly cancelled: readonly number[];
}

export type SlotAnswer =
  | {
      readonly kind: "done";
      readonly id: number;
      readonly outputs: readonly Tensor[];
      readonly queueMs: number;
      readonly computeMs: number;
      readonly batchRows: number;
    }
  | {
      readonly kind: "failed";
      readonly id: number;
      readonly code: StatusCode;
      readonly message: string;
    };

export interface SlotAnswers {
  readonly answers: readonly SlotAnswer[];
}

/** What a serving thread is given for one version: a port per slot, and a link for later slots. */
export interface PortableChannel {
  readonly kind: "portable";
  readonly ports: readonly MessagePort[];
  readonly link: MessagePort;
}

export interface SlotOffer {
  readonly kind: "slot";
  readonly port: MessagePort;
}
