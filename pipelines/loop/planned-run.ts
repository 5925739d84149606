import type { JobKind, Jobs } from "../jobs/job.ts";

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
    readonly spec: Jobs[K]["spec"];
    /** What it will read, as subjects. */
    readonly inputs: readonly string[];
  };
}[JobKind];

/** Why something that one might expect is not due. */
export interface Withheld {
  readonly subject: string;
  readonly reason: string;
}

export interface Plan {
  readonly runs: readonly PlannedRun[];
  readonly withheld: readonly Withheld[];
}
