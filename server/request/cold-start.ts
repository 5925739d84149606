import { type InferCodec, NeedsSignature } from "../../protocols/core/codec.ts";
import type { InferRequest, ModelRef } from "../../protocols/core/infer.ts";
import { InferError } from "../../protocols/core/status.ts";
import type { OnRequest, ServingMap } from "../models/serving-map.ts";
import { Waiter } from "./waiter.ts";

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
const RETRY_AFTER_MS = 1000;

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

/**
 * What `read` gives. A request that only the signature explains, which a version may not have before it
 * was loaded once, starts the load and comes again: its bytes do not outlive the turn.
 * @throws InferError `model-not-ready` with Retry-After, and what `read` throws
 */
export function readOrStart(
  loads: ColdLoads,
  { name }: ModelRef,
  { version, signature }: OnRequest,
  read: () => InferRequest,
): InferRequest {
  try {
    return read();
  } catch (thrown) {
    if (signature !== null || !(thrown instanceof NeedsSignature)) throw thrown;
    // It holds no place among those who wait; who asks again hears how the load went.
    const nobody = new Waiter();
    nobody.leave();
    loads.load(name, version, null, nobody).catch(() => undefined);
    throw new InferError(
      "model-not-ready",
      `model '${name}' version '${version}' is loading; what a raw binary body means is known then`,
      { retryAfterMs: RETRY_AFTER_MS },
    );
  }
}

/** A codec whose request is decoded already: the bytes may not outlive the turn they came in. */
export function decoded<In, Out>(
  request: InferRequest,
  codec: InferCodec<In, Out>,
): InferCodec<In, Out> {
  return { decode: () => request, encode: (response, asked) => codec.encode(response, asked) };
}
