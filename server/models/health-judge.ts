/**
 * Does a loaded version misbehave? Judged from what serving threads count anyway, between two looks.
 * Pure: no clocks, no effects.
 */

/** What can be told of a loaded version at one moment; all but `inFlight` only grow. */
export interface Vitals {
  /** Requests that the engine answered, refused input included. */
  readonly answered: number;
  /** Requests that failed by no fault of theirs. */
  readonly faults: number;
  readonly lostThreads: number;
  readonly inFlight: number;
}

export const MISBEHAVIOURS = ["stalled", "faults", "threads-lost"] as const;
export type Misbehaviour = (typeof MISBEHAVIOURS)[number];

export interface Verdict {
  readonly kind: Misbehaviour;
  /** For the index, the log and clients. */
  readonly reason: string;
}

/** What is remembered of a version between two looks. */
export interface HealthMemory {
  /** When a request was last answered, or none waited. */
  readonly progressMs: number;
  readonly last: Vitals;
  /** At the start of the window. */
  readonly windowStartMs: number;
  readonly window: Vitals;
  /** Vitals at the first look. */
  readonly first: Vitals;
}

export interface HealthLimits {
  /** Longest without any answer while requests wait; 0: no limit. */
  readonly maxRunMs: number;
  /** It came back from an isolation and has not proved itself: one fault is too many. */
  readonly isOnProbation: boolean;
}

const WINDOW_MS = 30_000;
const MIN_FAULTS = 10;
const FAULT_SHARE = 0.9;
const MAX_LOST_THREADS = 5;
/** So many answers end the probation. */
const PROOF_ANSWERS = 10;

export function rememberHealth(vitals: Vitals, nowMs: number): HealthMemory {
  return {
    progressMs: nowMs,
    last: vitals,
    windowStartMs: nowMs,
    window: vitals,
    first: vitals,
  };
}

export function judgeHealth(
  memory: HealthMemory,
  vitals: Vitals,
  nowMs: number,
  limits: HealthLimits,
): { readonly memory: HealthMemory; readonly verdict: Verdict | null } {
  const hasMoved = vitals.answered !== memory.last.answered || vitals.inFlight === 0;
  const progressMs = hasMoved ? nowMs : memory.progressMs;
  const isOver = nowMs - memory.windowStartMs >= WINDOW_MS;
  const next: HealthMemory = {
    progressMs,
    last: vitals,
    windowStartMs: isOver ? nowMs : memory.windowStartMs,
    window: isOver ? vitals : memory.window,
    first: memory.first,
  };
  const verdict =
    findStall(nowMs - progressMs, limits.maxRunMs) ??
    findLosses(vitals.lostThreads - memory.window.lostThreads, limits.isOnProbation) ??
    findFaults(memory.window, vitals, limits.isOnProbation);
  return { memory: next, verdict };
}

/** It answered often enough since it came back. */
export function hasProved(memory: HealthMemory): boolean {
  return memory.last.answered - memory.first.answered >= PROOF_ANSWERS;
}

function findStall(silentMs: number, maxRunMs: number): Verdict | null {
  if (maxRunMs === 0 || silentMs <= maxRunMs) return null;
  return {
    kind: "stalled",
    reason: `isolated: requests waited ${Math.round(silentMs)} ms and none was answered (maxRunMs ${maxRunMs})`,
  };
}

function findLosses(lost: number, isOnProbation: boolean): Verdict | null {
  if (lost < (isOnProbation ? 1 : MAX_LOST_THREADS)) return null;
  return {
    kind: "threads-lost",
    reason: `isolated: ${lost} of its engine threads ended by themselves within ${WINDOW_MS / 1000} s`,
  };
}

function findFaults(before: Vitals, now: Vitals, isOnProbation: boolean): Verdict | null {
  const faults = now.faults - before.faults;
  const all = faults + now.answered - before.answered;
  if (faults < (isOnProbation ? 1 : MIN_FAULTS) || faults < FAULT_SHARE * all) return null;
  return {
    kind: "faults",
    reason: `isolated: ${faults} of ${all} requests failed in the engine, by no fault of theirs`,
  };
}
