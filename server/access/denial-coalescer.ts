import type { AuditEntry } from "./audit-record.ts";
import type { Denial } from "./key-gatekeeper.ts";

/** Turns a stream of refusals into few records, so that an attacker cannot fill the audit log. */
export interface DenialCoalescer {
  add(denial: Denial): void;
  /** Emits the windows that are over; call it from a timer. */
  flushDue(): void;
  /** Emits all, at shutdown. */
  flush(): void;
}

interface Bucket {
  readonly denial: Denial;
  readonly firstMs: number;
  lastMs: number;
  count: number;
}

/**
 * Refusals of the same principal, action, model and code within a window become one record with a
 * count, emitted when the window is over.
 * @param maxBuckets beyond it, refusals of a principal are counted without their model
 * @param clock epoch milliseconds
 */
export function createDenialCoalescer(options: {
  readonly windowMs: number;
  readonly maxBuckets: number;
  readonly clock: () => number;
  readonly emit: (entry: AuditEntry) => void;
}): DenialCoalescer {
  const { windowMs, maxBuckets, clock, emit } = options;
  const buckets = new Map<string, Bucket>();

  // The map keeps the order of insertion, so the first bucket that is not due ends the look.
  const flushBefore = (firstMs: number): void => {
    for (const [key, bucket] of buckets) {
      if (bucket.firstMs > firstMs) return;
      buckets.delete(key);
      emit(entryOf(bucket));
    }
  };
  const flushDue = (): void => flushBefore(clock() - windowMs);
  return {
    add(denial) {
      const now = clock();
      flushDue();
      const isFull = buckets.size >= maxBuckets && !buckets.has(keyOf(denial));
      const counted = isFull ? { ...denial, model: OTHERS } : denial;
      const key = keyOf(counted);
      const bucket = buckets.get(key);
      if (bucket === undefined) {
        buckets.set(key, { denial: counted, firstMs: now, lastMs: now, count: 1 });
      } else {
        bucket.count++;
        bucket.lastMs = now;
      }
    },
    flushDue,
    flush: () => flushBefore(Number.POSITIVE_INFINITY),
  };
}

/** Not a legal model name, so it cannot be mistaken for one. */
const OTHERS = "(other models)";

function keyOf({ principal, action, model, code }: Denial): string {
  return JSON.stringify([principal, action, model, code]);
}

function entryOf({ denial, firstMs, lastMs, count }: Bucket): AuditEntry {
  return {
    actor: denial.principal,
    action: "access.denied",
    target: denial.model,
    outcome: "denied",
    details: {
      asked: denial.action,
      code: denial.code,
      count,
      firstAt: new Date(firstMs).toISOString(),
      lastAt: new Date(lastMs).toISOString(),
    },
  };
}
