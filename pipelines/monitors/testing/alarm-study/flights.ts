import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Column, Table } from "../../../datasets/column.ts";
import { type DataEngine, quoteText } from "../../../datasets/duckdb.ts";
import { readTable } from "../../../datasets/read-table.ts";
import type { Feature } from "../../../train/train-spec.ts";
import { PREDICTION } from "../../drift.ts";

const packageEntry = createRequire(import.meta.url).resolve("vega-datasets");

export const FLIGHTS_FOLDER = join(dirname(packageEntry), "..", "data");
/** Three million flights within the USA in 2001, as they come with the package vega-datasets. */
const FLIGHTS_PATH = join(FLIGHTS_FOLDER, "flights-3m.parquet");

export const FEATURES: readonly Feature[] = [
  { name: "origin", kind: "text" },
  { name: "destination", kind: "text" },
  { name: "distance", kind: "number" },
  { name: "hour", kind: "number" },
  { name: "weekday", kind: "number" },
];

/**
 * Flights in an order that has nothing to do with time (by a fixed hash), so that any two parts of them
 * have one distribution. The delay stands where a model's answer would.
 */
export function readFlights(engine: DataEngine, rows: number): Promise<Table> {
  return readTable(
    engine,
    `(SELECT origin, destination, distance, hour(date) AS hour, dayofweek(date) AS weekday,
        delay AS ${PREDICTION}
      FROM read_parquet(${quoteText(FLIGHTS_PATH)}, file_row_number = true)
      ORDER BY md5(file_row_number::VARCHAR) LIMIT ${rows})`,
    [
      ...FEATURES.map(({ name, kind }) => ({ name, type: kind })),
      { name: PREDICTION, type: "number" as const },
    ],
  );
}

/** Rows `from` … `from + rows - 1`. */
export function sliceTable(table: Table, from: number, rows: number): Table {
  if (from + rows > table.rows) {
    throw new RangeError(`expected ${from + rows} rows, found ${table.rows}`);
  }
  const columns = new Map<string, Column>();
  for (const [name, column] of table.columns) {
    columns.set(
      name,
      column.kind === "number"
        ? { kind: "number", values: column.values.slice(from, from + rows) }
        : { kind: "text", values: column.values.slice(from, from + rows) },
    );
  }
  return { rows, columns };
}
