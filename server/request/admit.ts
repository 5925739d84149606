import { InferError } from "../../protocols/core/status.ts";
import type { ServableInfo } from "../models/servable.ts";

/** Counts requests in flight per servable over all threads (shared memory). */
export interface QueueGauge {
  /** Adds one and returns the count after. */
  enter(slot: number): number;
  leave(slot: number): void;
}

export interface Ticket {
  release(): void;
}

const RETRY_AFTER_MS = 1000;

/** Lets a request in while its servable's queue has room. @throws InferError `queue-full`. */
export function admit(gauge: QueueGauge, info: ServableInfo): Ticket {
  if (gauge.enter(info.slot) > info.maxQueue) {
    gauge.leave(info.slot);
    throw new InferError(
      "queue-full",
      `model '${info.id.model}' has ${info.maxQueue} requests waiting, its limit (maxQueue)`,
      { retryAfterMs: RETRY_AFTER_MS },
    );
  }
  return { release: () => gauge.leave(info.slot) };
}
