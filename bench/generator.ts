import type { LoadTally } from "./load-recorder.ts";

/** `native`: the process of native/load; `script`: a thread of Node.js. */
export const GENERATOR_KINDS = ["native", "script"] as const;
export type GeneratorKind = (typeof GENERATOR_KINDS)[number];
/** `auto`: native where it can be had and speaks the protocol. */
export const GENERATOR_CHOICES = ["auto", ...GENERATOR_KINDS] as const;
export type GeneratorChoice = (typeof GENERATOR_CHOICES)[number];

/** What one generator saw of its share of a load, and of itself. */
export interface GeneratorReport {
  readonly tally: LoadTally;
  /**
   * Share of the load's time in which it had something to do, 0-1. In the native one, waiting for the
   * exact moment of a start is nothing to do.
   */
  readonly utilization: number;
  /** CPU time of the generator for each answer, warm-up included; null where it cannot be read. */
  readonly cpuUsPerAnswer: number | null;
  /**
   * p99 of how late it did something: in the native one's open loop, starts that a free connection
   * waited for; else timers. An answer that lay unread shows in `utilization` alone.
   */
  readonly delayP99Ms: number;
}

/** Called about once a second with the totals so far. */
export type ShowTotals = (answered: number, errors: number) => void;

/** One thread or process that makes a share of a load. */
export interface Generator {
  /** Its connections are open. Rejects with the first failure when one cannot even answer a request. */
  readonly ready: Promise<void>;
  /** REQUIRES: ready; called once. */
  go(): void;
  /** Rejects when it ended before it reported. */
  readonly done: Promise<GeneratorReport>;
  /** Never rejects. */
  end(): Promise<void>;
}
