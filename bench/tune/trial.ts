import type { RatioSummary } from "../ratio.ts";
import type { TunedKey, TunedSettings } from "./tuned-settings.ts";

/** Medians of one side of the pairs. */
export interface SideFigures {
  readonly requestsPerSec: number;
  readonly p99Ms: number;
  /** CPU time of the server for each answer; null where it cannot be read. */
  readonly cpuUsPerAnswer: number | null;
}

/** Two servers measured in turn with the same load. */
export interface Measured {
  readonly kind: "measured";
  /** Candidate / best: above 1 is better. */
  readonly requestsRatio: RatioSummary;
  /** Candidate / best: below 1 is better. */
  readonly p99Ratio: RatioSummary;
  readonly candidate: SideFigures;
  readonly best: SideFigures;
}

/** The candidate did not start, or did not answer everything rightly. */
export interface NotMeasured {
  readonly kind: "failed";
  readonly why: string;
}

export type Outcome = Measured | NotMeasured;

/**
 * `over-limit`: its p99 is above the limit and the best's is not; `unconfirmed`: better at first, not
 * when measured again.
 */
export type Verdict =
  | "better"
  | "not-better"
  | "unconfirmed"
  | "over-limit"
  | "too-noisy"
  | "failed";

/** One step of the search. */
export interface Trial {
  readonly key: TunedKey;
  readonly from: number;
  readonly to: number;
  /** The candidate as a whole. */
  readonly settings: TunedSettings;
  readonly first: Outcome;
  /** Fresh pairs after a first success; null when there was none. */
  readonly second: Outcome | null;
  readonly verdict: Verdict;
}

/** The last word on a trial: that of the fresh pairs where there are some. */
export function lastOutcome(trial: Trial): Outcome {
  return trial.second ?? trial.first;
}
