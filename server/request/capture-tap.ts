import type { Tensor } from "../../protocols/core/tensor.ts";
import type { ServableId, ServableInfo } from "../models/servable.ts";

/** One answered request, for whoever learns from it later. */
export interface AnsweredPrediction {
  readonly inferenceId: string;
  readonly id: ServableId;
  /** The key's name; null without authentication. */
  readonly principal: string | null;
  /** From `takeInputs`. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** Takes note of answered requests, off their path. One a serving thread; never throws, never waits. */
export interface CaptureTap {
  /**
   * The inputs of a request that is captured, copied: they belong to the engine from the run on.
   * null: this one is not captured.
   */
  takeInputs(
    info: ServableInfo,
    inferenceId: string,
    inputs: readonly Tensor[],
  ): readonly Tensor[] | null;
  /** Queues a record. The outputs must not change any more. */
  put(prediction: AnsweredPrediction): void;
}
