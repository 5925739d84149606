import { createRefusal, type InferError } from "../../protocols/core/status.ts";
import { jittered } from "../lib/jittered.ts";
import type { Servable } from "../models/servable.ts";

/** Counts requests in flight per servable over all threads (shared memory). */
export interface QueueGauge {
  /** Adds one and returns the count after. */
  enter(slot: number): number;
  leave(slot: number): void;
  /** As many as are in. */
  read(slot: number): number;
}

/** Where nothing says how long what waits will take. */
const RETRY_AFTER_MS = 1000;
const MOST_RETRY_AFTER_MS = 30_000;

/** Why there is no room now, before anything is done for the request; null: `admit` decides. */
export function findFull(gauge: QueueGauge, servable: Servable): InferError | null {
  const { info } = servable;
  return gauge.read(info.slot) < info.maxQueue ? null : queueFull(servable);
}

/** Lets a request in while its servable's queue has room; `gauge.leave` lets it out. @throws InferError `queue-full`. */
export function admit(gauge: QueueGauge, servable: Servable): void {
  const { info } = servable;
  if (gauge.enter(info.slot) <= info.maxQueue) return;
  gauge.leave(info.slot);
  throw queueFull(servable);
}

/** There is room again soon; for as many as there was before, when what waits is done. */
function queueFull(servable: Servable): InferError {
  const { id, maxQueue } = servable.info;
  const drainMs = servable.predictDrainMs() ?? RETRY_AFTER_MS;
  return createRefusal(
    "queue-full",
    `model '${id.model}' has ${maxQueue} requests waiting, its limit (maxQueue)`,
    jittered(Math.min(drainMs, MOST_RETRY_AFTER_MS)),
  );
}
