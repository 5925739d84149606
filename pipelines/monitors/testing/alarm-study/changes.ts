import type { Column, Table } from "../../../datasets/column.ts";
import { momentsOf } from "../../statistics/moments.ts";

/** Something that goes wrong with data, done to a window. */
export interface Change {
  readonly name: string;
  /** Where it must be found. */
  readonly column: string;
  apply(window: Table): Table;
}

const KM_PER_MILE = 1.609_344;

/** @param reference says which airport is the biggest and how far 0.2 deviations are */
export function changesOf(reference: Table): readonly Change[] {
  const airport = mostFrequent(textsOf(reference, "origin"));
  const { deviation } = momentsOf(numbersOf(reference, "distance"));
  return [
    {
      name: `a category gone (origin ${airport})`,
      column: "origin",
      apply: (window) => {
        const origins = textsOf(window, "origin");
        return keepRows(window, (row) => origins[row] !== airport);
      },
    },
    {
      name: "a unit changed (distance in km)",
      column: "distance",
      apply: (window) => mapNumbers(window, "distance", (miles) => miles * KM_PER_MILE),
    },
    {
      name: "values missing (30 % of distance)",
      column: "distance",
      apply: (window) =>
        mapNumbers(window, "distance", (miles, row) => (row % 10 < 3 ? Number.NaN : miles)),
    },
    {
      name: "a shift by 0.2 standard deviations (distance)",
      column: "distance",
      apply: (window) => mapNumbers(window, "distance", (miles) => miles + 0.2 * deviation),
    },
  ];
}

export function numbersOf(table: Table, name: string): Float64Array {
  const column = table.columns.get(name);
  if (column?.kind !== "number") throw new Error(`expected a number column '${name}'`);
  return column.values;
}

export function textsOf(table: Table, name: string): readonly (string | null)[] {
  const column = table.columns.get(name);
  if (column?.kind !== "text") throw new Error(`expected a text column '${name}'`);
  return column.values;
}

function mostFrequent(values: readonly (string | null)[]): string {
  const counts = new Map<string, number>();
  for (const value of values) {
    if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([, a], [, b]) => b - a);
  if (most === undefined) throw new Error("expected values, found none");
  return most[0];
}

function mapNumbers(
  table: Table,
  name: string,
  change: (value: number, row: number) => number,
): Table {
  const values = numbersOf(table, name).map(change);
  return { ...table, columns: new Map(table.columns).set(name, { kind: "number", values }) };
}

function keepRows(table: Table, isKept: (row: number) => boolean): Table {
  const columns = new Map<string, Column>();
  for (const [name, column] of table.columns) {
    columns.set(
      name,
      column.kind === "number"
        ? { kind: "number", values: column.values.filter((_, row) => isKept(row)) }
        : { kind: "text", values: column.values.filter((_, row) => isKept(row)) },
    );
  }
  const rows = [...columns.values()][0]?.values.length ?? 0;
  return { rows, columns };
}
