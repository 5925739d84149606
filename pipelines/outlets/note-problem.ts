import { appendEvent } from "../store/event-log.ts";
import type { Store } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import { changeOutletState } from "./outlet-state.ts";
import { backoffMs } from "./retry-delay.ts";

/**
 * Notes that an outlet as a whole cannot go on (a secret is missing, the database is away), or with
 * null that it can again: it waits longer each time, and the first of a row is an event.
 */
export function noteProblem(
  store: Store,
  outlet: string,
  dataset: string,
  problem: string | null,
  nowMs: number,
): Promise<void> {
  return changeOutletState(store, outlet, dataset, async (state, tx) => {
    if (problem === null) return { ...state, failures: 0, nextAtMs: 0, lastError: null };
    const failures = state.failures + 1;
    if (failures === 1) {
      const event = { type: "outlet.failed", subject: subjectOf.outlet(outlet) } as const;
      await appendEvent(tx, { ...event, runId: null, details: { reason: problem } }, nowMs);
    }
    const nextAtMs = nowMs + backoffMs(failures, Math.random());
    return { ...state, failures, nextAtMs, lastError: problem };
  });
}

/** The data engine says more than one. */
export function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}
