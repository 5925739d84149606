import type { Store } from "../store/store.ts";
import type { RunTable } from "../store/tables.ts";

/** A run whose coordinator ended so many times is given up. */
export const MAX_INTERRUPTED = 5;
/** Once or twice is a restart of the machine; from here on the run may be why. */
const SUSPECT_FROM = 2;

/**
 * Counts that a run's coordinator ended. Call it before anything is made of the run: taking it up may
 * be what ends a coordinator. Returns the run as it is now.
 */
export async function countInterrupted(store: Store, run: RunTable): Promise<RunTable> {
  const interrupted_attempts = run.interrupted_attempts + 1;
  await store.updateTable("runs").set({ interrupted_attempts }).where("id", "=", run.id).execute();
  return { ...run, interrupted_attempts };
}

/**
 * Which of the due runs may start. A suspect runs alone, so that what ends the coordinator is held
 * against it and no other: it waits until nothing runs, and those behind it wait for it. Pure.
 * @param due in the order of the queue
 */
export function pickStartable(
  due: readonly RunTable[],
  running: readonly RunTable[],
): readonly RunTable[] {
  if (running.some(isSuspect)) return [];
  const first = due.findIndex(isSuspect);
  if (first === -1) return due;
  return first === 0 && running.length === 0 ? due.slice(0, 1) : due.slice(0, first);
}

function isSuspect({ interrupted_attempts }: RunTable): boolean {
  return interrupted_attempts >= SUSPECT_FROM;
}
