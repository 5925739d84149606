/**
 * What must go so that a version fits into the memory budget. Pure: no clocks, no effects.
 */

/** A version that takes memory now. */
export interface Resident {
  readonly key: string;
  readonly bytes: number;
  /** Pinned, or what the new version takes over from while that must go on serving. */
  readonly isKept: boolean;
  /** Requests wait or run. */
  readonly isInUse: boolean;
  /** On its way up, or out: it cannot be unloaded now. */
  readonly isMoving: boolean;
  /** When it was last asked for, or became ready. */
  readonly lastUsedMs: number;
  readonly readySinceMs: number;
}

export interface RoomAsk {
  readonly needBytes: number;
  /** 0: no budget. */
  readonly budgetBytes: number;
  /** False: takes only what is free. */
  readonly mayEvict: boolean;
  readonly nowMs: number;
  /** Nothing is unloaded sooner after it became ready: bounds how often models take turns. */
  readonly minResidentMs: number;
}

export type RoomPlan =
  /** It fits once `evict` is gone, least recently used first. */
  | { readonly kind: "fits"; readonly evict: readonly string[] }
  /** Not without unloading others, which this ask may not. */
  | { readonly kind: "full"; readonly freeBytes: number }
  /** It will, when something is no longer in use; worth another look at `untilMs`. */
  | { readonly kind: "wait"; readonly untilMs: number }
  /** Not even alone beside what is kept. */
  | { readonly kind: "never"; readonly keptBytes: number };

/** Use has no end that could be waited for, only looked at again. */
const LOOK_AGAIN_MS = 50;

export function planRoom(ask: RoomAsk, residents: readonly Resident[]): RoomPlan {
  const { needBytes, budgetBytes, mayEvict } = ask;
  if (budgetBytes === 0) return { kind: "fits", evict: [] };
  const keptBytes = sumOf(residents.filter(({ isKept }) => isKept));
  if (needBytes > budgetBytes - keptBytes) return { kind: "never", keptBytes };
  const freeBytes = budgetBytes - sumOf(residents);
  if (needBytes <= freeBytes) return { kind: "fits", evict: [] };
  if (!mayEvict) return { kind: "full", freeBytes };
  const evictable = residents.filter((each) => isEvictable(each, ask));
  if (freeBytes + sumOf(evictable) < needBytes) return waitFor(ask, residents);
  const evict = victims(needBytes - freeBytes, evictable);
  return { kind: "fits", evict: evict.map(({ key }) => key) };
}

function isEvictable(resident: Resident, { nowMs, minResidentMs }: RoomAsk): boolean {
  const { isKept, isInUse, isMoving, readySinceMs } = resident;
  return !isKept && !isInUse && !isMoving && nowMs - readySinceMs >= minResidentMs;
}

/** Least recently used first; of these, none that turns out not to be needed. */
function victims(missingBytes: number, evictable: readonly Resident[]): readonly Resident[] {
  const chosen: Resident[] = [];
  let gained = 0;
  for (const resident of [...evictable].sort((a, b) => a.lastUsedMs - b.lastUsedMs)) {
    if (gained >= missingBytes) break;
    chosen.push(resident);
    gained += resident.bytes;
  }
  const needed = new Set(chosen);
  for (const resident of [...chosen].reverse()) {
    if (gained - resident.bytes < missingBytes) continue;
    needed.delete(resident);
    gained -= resident.bytes;
  }
  return chosen.filter((resident) => needed.has(resident));
}

/** The youngest comes of age at a known time; the end of use is looked for. */
function waitFor(ask: RoomAsk, residents: readonly Resident[]): RoomPlan {
  const { nowMs, minResidentMs } = ask;
  const ages = residents
    .filter(({ isKept, isInUse, isMoving }) => !isKept && !isInUse && !isMoving)
    .map(({ readySinceMs }) => readySinceMs + minResidentMs)
    .filter((atMs) => atMs > nowMs);
  return { kind: "wait", untilMs: Math.min(nowMs + LOOK_AGAIN_MS, ...ages) };
}

function sumOf(residents: readonly Resident[]): number {
  return residents.reduce((sum, { bytes }) => sum + bytes, 0);
}
