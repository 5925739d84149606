import type { InferCodec } from "../../protocols/core/codec.ts";
import type { InferRequest, ModelRef } from "../../protocols/core/infer.ts";
import type { ServingMap } from "../models/serving-map.ts";
import type { Waiter } from "./waiter.ts";

/** Asks the control thread for versions that load on request. */
export interface ColdLoads {
  /**
   * Resolves once this thread serves the version; many waits for one are one call.
   * @param deadlineEpochMs null: as long as the server lets a request wait
   * @throws InferError `model-not-ready` with Retry-After, also past the deadline; `cancelled` as soon
   * as the waiter has gone
   */
  load(
    model: string,
    version: number,
    deadlineEpochMs: number | null,
    waiter: Waiter,
  ): Promise<void>;
}

/** How often a version that came may have gone again before its request was served. */
const TRIES = 3;

/**
 * Waits for what `ref` leads to, where that loads on request.
 * @throws InferError as ColdLoads.load
 */
export async function startCold(
  loads: ColdLoads,
  serving: () => ServingMap,
  ref: ModelRef,
  deadlineEpochMs: number | null,
  waiter: Waiter,
): Promise<void> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const cold = serving().findOnRequest(ref);
    if (cold === null) return;
    await loads.load(ref.name, cold.version, deadlineEpochMs, waiter);
  }
}

/** A codec whose request is decoded already: the bytes may not outlive the turn they came in. */
export function decoded<In, Out>(
  request: InferRequest,
  codec: InferCodec<In, Out>,
): InferCodec<In, Out> {
  return { decode: () => request, encode: (response, asked) => codec.encode(response, asked) };
}
