import { createRefusal, type InferError } from "../../protocols/core/status.ts";
import type { ServableInfo } from "../models/servable.ts";

/** Counts requests in flight per servable over all threads (shared memory). */
export interface QueueGauge {
  /** Adds one and returns the count after. */
  enter(slot: number): number;
  leave(slot: number): void;
  /** As many as are in. */
  read(slot: number): number;
}

const RETRY_AFTER_MS = 1000;

/** Why there is no room now, before anything is done for the request; null: `admit` decides. */
export function findFull(gauge: QueueGauge, info: ServableInfo): InferError | null {
  return gauge.read(info.slot) < info.maxQueue ? null : queueFull(info);
}

/** Lets a request in while its servable's queue has room; `gauge.leave` lets it out. @throws InferError `queue-full`. */
export function admit(gauge: QueueGauge, info: ServableInfo): void {
  if (gauge.enter(info.slot) <= info.maxQueue) return;
  gauge.leave(info.slot);
  throw queueFull(info);
}

function queueFull({ id, maxQueue }: ServableInfo): InferError {
  return createRefusal(
    "queue-full",
    `model '${id.model}' has ${maxQueue} requests waiting, its limit (maxQueue)`,
    RETRY_AFTER_MS,
  );
}
