import type { Column } from "../datasets/column.ts";
import { type CategoryGroup, groupCategories } from "./category-groups.ts";
import { type Histogram, histogramOf } from "./histogram.ts";
import { contingencyChiSquare } from "./statistics/contingency-chi-square.ts";
import {
  correctedJensenShannonDistance,
  jensenShannonDistance,
} from "./statistics/jensen-shannon.ts";
import { kolmogorovSmirnov } from "./statistics/kolmogorov-smirnov.ts";
import { momentsOf } from "./statistics/moments.ts";
import { decileStability, populationStability } from "./statistics/population-stability.ts";
import { quantileOf } from "./statistics/quantile.ts";
import { twoProportion } from "./statistics/two-proportion.ts";
import { normedWasserstein } from "./statistics/wasserstein.ts";

/** One way in which a column may have drifted: how far, and how likely by chance. */
export interface Signal {
  readonly distance: number;
  readonly p: number;
  /** What changed most, in words. */
  readonly text: string;
}

/** What two samples of a column say. Every number is finite. */
export interface ColumnSignals {
  /** Of the values that are there; null where one side has none: nothing to compare. */
  readonly values: Signal | null;
  /** Of the share that is missing; null where nothing or everything is, on both sides. */
  readonly missing: Signal | null;
  readonly psi: number;
  readonly histogram: Histogram;
  readonly referenceMissing: number;
  readonly windowMissing: number;
}

/** Compares a number or text column of the reference with the same of a window. */
export function signalsOf(reference: Column, window: Column): ColumnSignals {
  if (reference.kind === "number" && window.kind === "number") {
    return numberSignals(reference.values, window.values);
  }
  if (reference.kind === "text" && window.kind === "text") {
    return textSignals(reference.values, window.values);
  }
  throw new Error(`expected a ${reference.kind} column, found ${window.kind}`);
}

/**
 * As the model sees them: in FP32, so that a value which was captured from a tensor equals the same one
 * in the training data; infinite ones are missing.
 */
function numberSignals(reference: Float64Array, window: Float64Array): ColumnSignals {
  const before = sortPresent(reference);
  const now = sortPresent(window);
  const hasBoth = before.length > 0 && now.length > 0;
  return {
    values: hasBoth
      ? {
          distance: normedWasserstein(before, now),
          p: kolmogorovSmirnov(before, now).p,
          text: describeNumbers(before, now),
        }
      : null,
    psi: hasBoth ? decileStability(before, now) : 0,
    histogram: histogramOf(before, now),
    ...missingSignal(before.length, reference.length, now.length, window.length),
  };
}

function sortPresent(values: Float64Array): Float64Array {
  return values
    .map(Math.fround)
    .filter((value) => Number.isFinite(value))
    .sort();
}

/** An empty text is a missing one. */
function textSignals(
  reference: readonly (string | null)[],
  window: readonly (string | null)[],
): ColumnSignals {
  const before = countTexts(reference);
  const now = countTexts(window);
  const groups = groupCategories(before.counts, now.counts);
  const hasBoth = before.rows > 0 && now.rows > 0;
  const left = groups.map((group) => group.reference);
  const right = groups.map((group) => group.window);
  return {
    values: hasBoth
      ? {
          distance: correctedJensenShannonDistance(left, right),
          p: contingencyChiSquare(left, right).p,
          text: describeGroups(groups, before.rows, now.rows),
        }
      : null,
    psi: hasBoth ? populationStability(left, right) : 0,
    histogram: { kind: "text", groups },
    ...missingSignal(before.rows, reference.length, now.rows, window.length),
  };
}

function countTexts(values: readonly (string | null)[]): {
  counts: ReadonlyMap<string, number>;
  rows: number;
} {
  const counts = new Map<string, number>();
  let rows = 0;
  for (const value of values) {
    if (value === null || value === "") continue;
    counts.set(value, (counts.get(value) ?? 0) + 1);
    rows += 1;
  }
  return { counts, rows };
}

/** The distance is in the unit of the texts', whose two categories are "missing" and "there". */
function missingSignal(
  presentBefore: number,
  rowsBefore: number,
  presentNow: number,
  rowsNow: number,
): Pick<ColumnSignals, "missing" | "referenceMissing" | "windowMissing"> {
  const missingBefore = rowsBefore - presentBefore;
  const missingNow = rowsNow - presentNow;
  const shares = {
    referenceMissing: rowsBefore === 0 ? 0 : missingBefore / rowsBefore,
    windowMissing: rowsNow === 0 ? 0 : missingNow / rowsNow,
  };
  const isOneSided = missingBefore + missingNow === 0 || presentBefore + presentNow === 0;
  if (rowsBefore === 0 || rowsNow === 0 || isOneSided) return { missing: null, ...shares };
  return {
    missing: {
      distance: jensenShannonDistance([missingBefore, presentBefore], [missingNow, presentNow], 2),
      p: twoProportion(missingBefore, rowsBefore, missingNow, rowsNow).p,
      text: `missing ${percent(shares.referenceMissing)} -> ${percent(shares.windowMissing)}`,
    },
    ...shares,
  };
}

/** How many times as far another number must have moved to be told instead of the mean. */
const FARTHER = 2;

/** The mean, unless the median or the deviation moved much more. */
function describeNumbers(before: Float64Array, now: Float64Array): string {
  const left = momentsOf(before);
  const right = momentsOf(now);
  const others: readonly Move[] = [
    ["median", quantileOf(before, 0.5), quantileOf(now, 0.5)],
    ["standard deviation", left.deviation, right.deviation],
  ];
  const mean: Move = ["mean", left.mean, right.mean];
  const most = others.reduce(
    (best, move) => (lengthOf(move) > lengthOf(best) * (best === mean ? FARTHER : 1) ? move : best),
    mean,
  );
  return `${most[0]} ${short(most[1])} -> ${short(most[2])}`;
}

/** Name, before, now. */
type Move = readonly [string, number, number];

function lengthOf([, before, now]: Move): number {
  return Math.abs(now - before);
}

function describeGroups(
  groups: readonly CategoryGroup[],
  rowsBefore: number,
  rowsNow: number,
): string {
  const moved = ({ reference, window }: CategoryGroup) =>
    Math.abs(window / rowsNow - reference / rowsBefore);
  const most = groups.reduce((best, group) => (moved(group) > moved(best) ? group : best));
  const name = most.kind === "category" ? `category ${quote(most.name)}` : most.name;
  return `${name} ${percent(most.reference / rowsBefore)} -> ${percent(most.window / rowsNow)}`;
}

const MAX_NAME_LENGTH = 40;

/** Fits into one line of a log, whatever the category's name is. */
function quote(name: string): string {
  const cut = name.length > MAX_NAME_LENGTH ? `${name.slice(0, MAX_NAME_LENGTH)}…` : name;
  return `'${JSON.stringify(cut).slice(1, -1)}'`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}

function short(value: number): string {
  return `${Number(value.toPrecision(4))}`;
}
