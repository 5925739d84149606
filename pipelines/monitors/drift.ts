import type { Column, Table } from "../datasets/column.ts";
import type { MonitorConfig } from "../project/project.ts";
import type { Feature } from "../train/train-spec.ts";
import { type ColumnSignals, type Signal, signalsOf } from "./column-signals.ts";
import type { ColumnDrift } from "./observe-spec.ts";
import { benjaminiHochberg } from "./statistics/benjamini-hochberg.ts";

/** The model's answer: watched like an input. */
export const PREDICTION = "prediction";

export type DriftBounds = Pick<MonitorConfig, "distance" | "pValue">;

/** A column's verdict and everything that it rests on. */
export interface ColumnFinding {
  readonly drift: ColumnDrift;
  readonly signals: ColumnSignals;
}

/**
 * Compares a window with the reference, column by column (the features and `prediction`). A column has
 * drifted when one of its two signals, its values or its share of missing ones, is far
 * (distance >= bounds.distance) and not by chance (adjusted p < bounds.pValue). Either alone fires on
 * its own: a distance on small windows, a test on large ones. All tests of the window are adjusted
 * together (Benjamini-Hochberg).
 *
 * - numbers: Wasserstein distance / reference standard deviation, and Kolmogorov-Smirnov;
 * - texts: Jensen-Shannon distance base 2, less what chance alone gives, and contingency chi-square,
 *   over groups of categories (groupCategories);
 * - missing values: Jensen-Shannon distance base 2 of missing and present, and two proportions.
 *
 * What follows the calendar (hour, weekday) differs from a reference of whole weeks in every window
 * that covers a part of a day or a week; a comparison like for like is not made here: give such columns
 * windows of whole weeks, or leave them out of the features.
 * @param reference holds every feature; without `prediction` (of a trainer that is a program of its own)
 *   that column is not compared
 * @param window holds every column of the reference; may have no rows: then nothing has drifted
 */
export function driftOf(
  reference: Table,
  window: Table,
  features: readonly Feature[],
  bounds: DriftBounds,
): readonly ColumnFinding[] {
  const columns = reference.columns.has(PREDICTION)
    ? withPrediction(features)
    : features.filter(({ name }) => name !== PREDICTION);
  const signals = columns.map(({ name }) =>
    signalsOf(columnOf(reference, name, "reference"), columnOf(window, name, "window")),
  );
  const adjusted = adjust(signals);
  return columns.map(({ name, kind }, i) => {
    const own = signals[i] as ColumnSignals;
    return { drift: judge(name, kind, own, adjusted, bounds), signals: own };
  });
}

/** What is watched. */
export function withPrediction(features: readonly Feature[]): readonly Feature[] {
  return [
    ...features.filter(({ name }) => name !== PREDICTION),
    { name: PREDICTION, kind: "number" },
  ];
}

function columnOf(table: Table, name: string, role: string): Column {
  const column = table.columns.get(name);
  if (column === undefined) throw new Error(`expected a column '${name}' in the ${role}`);
  return column;
}

/** Signals that have nothing to compare are no tests and do not weaken the others. */
function adjust(signals: readonly ColumnSignals[]): ReadonlyMap<Signal, number> {
  const tests = signals
    .flatMap(({ values, missing }) => [values, missing])
    .filter((signal) => signal !== null);
  const adjusted = benjaminiHochberg(tests.map(({ p }) => p));
  return new Map(tests.map((signal, i) => [signal, adjusted[i] as number]));
}

function judge(
  column: string,
  kind: ColumnDrift["kind"],
  { values, missing, psi }: ColumnSignals,
  adjusted: ReadonlyMap<Signal, number>,
  bounds: DriftBounds,
): ColumnDrift {
  const pOf = (signal: Signal) => adjusted.get(signal) ?? 1;
  const drifted = [values, missing]
    .filter((signal) => signal !== null)
    .filter((signal) => signal.distance >= bounds.distance && pOf(signal) < bounds.pValue);
  const shown = drifted[0] ?? values ?? missing;
  return {
    column,
    kind,
    distance: shown?.distance ?? 0,
    adjustedP: shown === null ? 1 : pOf(shown),
    psi,
    hasDrifted: drifted.length > 0,
    text: describe(drifted.length > 0 ? drifted : [shown]),
  };
}

function describe(signals: readonly (Signal | null)[]): string {
  const texts = signals.filter((signal) => signal !== null).map(({ text }) => text);
  return texts.length === 0 ? "no values to compare" : texts.join("; ");
}
