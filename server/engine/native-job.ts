import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import type { Job, JobResult } from "../models/servable.ts";
import type { ShapeClass } from "./shape-class.ts";

/** A job of the native engine that was not answered yet. One object a request, and no closure. */
export interface NativeJob {
  readonly job: Job;
  /** Rows along dimension 0; 0 where the inputs do not agree on one: never stacked. */
  readonly rows: number;
  /** The largest dimension 0, what cost is learned by; at least 1. */
  readonly costRows: number;
  /** null: of a shape that is not learned. */
  readonly shapeClass: NativeShapeClass | null;
  readonly arrivedMs: number;
  readonly resolve: (result: JobResult) => void;
  readonly reject: (reason: unknown) => void;
}

export type NativeShapeClass = ShapeClass<NativeJob>;

export function rowsOf(inputs: readonly Tensor[]): number {
  const rows = inputs[0]?.shape[0] ?? 0;
  for (let i = 1; i < inputs.length; i += 1) {
    if ((inputs[i] as Tensor).shape[0] !== rows) return 0;
  }
  return rows;
}

export function costRowsOf(inputs: readonly Tensor[]): number {
  let most = 1;
  for (let i = 0; i < inputs.length; i += 1) {
    const rows = (inputs[i] as Tensor).shape[0];
    if (rows !== undefined && rows > most) most = rows;
  }
  return most;
}

export function hasExpired({ deadlineEpochMs }: Job): boolean {
  return deadlineEpochMs !== null && deadlineEpochMs <= epochNowMs();
}

export function cancelled(): InferError {
  return new InferError("cancelled", "the client went away while the request waited");
}

export function expired(): InferError {
  return new InferError(
    "deadline-exceeded",
    "the deadline passed while the request waited for the engine",
  );
}
