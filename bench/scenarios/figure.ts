import type { RatioSummary } from "../ratio.ts";

/** What the issue asks of a figure: of its ratio where it has one, else of `ours`. */
export type Bar = { readonly atLeast: number } | { readonly atMost: number };

/** `too-noisy`: the machine was, or the repeats differ too much to call their median a result. */
export type Verdict = "met" | "missed" | "too-noisy" | "no-bar";

export interface Figure {
  /** What was compared, such as `mlp http-json: requests/s, sluice / fastify`. */
  readonly name: string;
  /** Of `ours` and `theirs`; a ratio has none. */
  readonly unit: string;
  /** Median of the repeats. */
  readonly ours: number;
  /** Median of the repeats; null where nothing was compared. */
  readonly theirs: number | null;
  /** Ours / theirs, pair by pair. */
  readonly ratio: RatioSummary | null;
  readonly bar: Bar | null;
  readonly verdict: Verdict;
}

/** Figures with the same `plot` are drawn into one. */
export interface Series {
  /** Title of the plot. */
  readonly plot: string;
  /** `bars`: points by label; `line`: points by x, such as time or percentile. */
  readonly kind: "bars" | "line";
  readonly name: string;
  /** Axis titles with units, such as `seconds`, `requests/s`; equal in all series of a plot. */
  readonly xAxis: string;
  readonly yAxis: string;
  readonly points: readonly SeriesPoint[];
}

export interface SeriesPoint {
  /** A label for bars, a number for lines. */
  readonly x: string | number;
  readonly y: number;
  /** Spread of the repeats; null where there is one measurement. */
  readonly low: number | null;
  readonly high: number | null;
}
