import { isQuietEnough } from "../machine/noise.ts";
import { median, summariseRatios } from "../ratio.ts";
import type { Bar, Figure, Series, SeriesPoint, Verdict } from "./figure.ts";

interface Pairs {
  readonly name: string;
  readonly unit: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly noisyPairs: number;
  readonly bar: Bar | null;
}

/** The bar is for ours / theirs, pair by pair. @throws Error when a value is not above 0 */
export function ratioFigure({ name, unit, ours, theirs, noisyPairs, bar }: Pairs): Figure {
  const ratio = summariseRatios(ours, theirs, noisyPairs);
  return {
    name,
    unit,
    ours: median(ours),
    theirs: median(theirs),
    ratio,
    bar,
    verdict: judge(ratio.median, bar, ratio.isResult),
  };
}

/** The bar is for ours - theirs, pair by pair; that difference is what `ours` holds. */
export function differenceFigure({ name, unit, ours, theirs, noisyPairs, bar }: Pairs): Figure {
  const differences = ours.map((value, i) => value - (theirs[i] ?? Number.NaN));
  return plainFigure({ name, unit, values: differences, noisyRuns: noisyPairs, bar });
}

/** The bar is for the median of the values. */
export function plainFigure(repeats: {
  readonly name: string;
  readonly unit: string;
  readonly values: readonly number[];
  readonly noisyRuns: number;
  readonly bar: Bar | null;
}): Figure {
  const { name, unit, values, noisyRuns, bar } = repeats;
  const ours = median(values);
  const verdict = judge(ours, bar, isQuietEnough(values.length, noisyRuns));
  return { name, unit, ours, theirs: null, ratio: null, bar, verdict };
}

export function judge(value: number, bar: Bar | null, isResult: boolean): Verdict {
  if (bar === null) return "no-bar";
  if (!isResult) return "too-noisy";
  return ("atLeast" in bar ? value >= bar.atLeast : value <= bar.atMost) ? "met" : "missed";
}

/** One bar with the spread of its repeats. */
export function barPoint(x: string, values: readonly number[]): SeriesPoint {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return { x, y: median(values), low, high };
}

/** @param points by x */
export function lineSeries(
  axes: Pick<Series, "plot" | "name" | "xAxis" | "yAxis">,
  points: readonly (readonly [x: number, y: number])[],
): Series {
  const drawn = points.map(([x, y]) => ({ x, y, low: null, high: null }));
  return { ...axes, kind: "line", points: drawn };
}
