import type { JobKind, Jobs } from "../jobs/job.ts";

/** A training's files are looked up when it is put into the queue: they may be many. */
export type PlannedSpec<K extends JobKind> = K extends "train"
  ? Omit<Jobs["train"]["spec"], "files">
  : Jobs[K]["spec"];

/** A job that is due: what, on what, and why. */
export type PlannedRun = {
  [K in JobKind]: {
    readonly kind: K;
    /** See store/subject.ts. */
    readonly subject: string;
    /** sha256 of what goes in: the same key never runs twice to its end. */
    readonly key: string;
    /** In words, with the numbers that decided. */
    readonly reason: string;
    readonly spec: PlannedSpec<K>;
    /** What it will read, as subjects. */
    readonly inputs: readonly string[];
    /** Of what somebody asked for (store/asks.ts): answered once this is queued. */
    readonly nonce?: string;
  };
}[JobKind];

/** Why something that one might expect is not due. */
export interface Withheld {
  readonly subject: string;
  readonly reason: string;
}

/** A candidate that has no next step and will not have one. */
export interface Refusal {
  readonly candidateId: string;
  readonly gate: string;
  readonly reason: string;
}

export interface Plan {
  readonly runs: readonly PlannedRun[];
  readonly withheld: readonly Withheld[];
  readonly refusals: readonly Refusal[];
}

/** Reason of a run that no rule and no clock asked for, but somebody. */
export const ASKED_FOR = "asked for";
