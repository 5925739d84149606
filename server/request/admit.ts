import { createRefusal } from "../../protocols/core/status.ts";
import type { ServableInfo } from "../models/servable.ts";

/** Counts requests in flight per servable over all threads (shared memory). */
export interface QueueGauge {
  /** Adds one and returns the count after. */
  enter(slot: number): number;
  leave(slot: number): void;
}

const RETRY_AFTER_MS = 1000;

/** Lets a request in while its servable's queue has room; `gauge.leave` lets it out. @throws InferError `queue-full`. */
export function admit(gauge: QueueGauge, { slot, maxQueue, id }: ServableInfo): void {
  if (gauge.enter(slot) <= maxQueue) return;
  gauge.leave(slot);
  throw createRefusal(
    "queue-full",
    `model '${id.model}' has ${maxQueue} requests waiting, its limit (maxQueue)`,
    RETRY_AFTER_MS,
  );
}
