import { DuckDBDoubleVector, DuckDBVarCharVector } from "@duckdb/node-api";
import type { Column, ColumnSchema, Table } from "./column.ts";
import { type DataEngine, quoteName } from "./duckdb.ts";

/**
 * Reads columns of a FROM clause into memory: text as it is, everything else as numbers.
 * @param from what stands after FROM, with WHERE, ORDER BY and LIMIT if need be
 */
export async function readTable(
  engine: DataEngine,
  from: string,
  schema: readonly ColumnSchema[],
): Promise<Table> {
  if (schema.length === 0) throw new Error("readTable needs columns");
  const fields = schema.map(selectOf).join(", ");
  const result = await engine.connection.run(`SELECT ${fields} FROM ${from}`);
  const chunks = await result.fetchAllChunks();
  const rows = chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0);
  const columns = new Map<string, Column>();
  for (const { name, type } of schema) columns.set(name, emptyColumn(type === "text", rows));
  let at = 0;
  for (const chunk of chunks) {
    schema.forEach(({ name }, index) => {
      fill(columns.get(name) as Column, at, chunk.getColumnVector(index), chunk.rowCount);
    });
    at += chunk.rowCount;
  }
  return { rows, columns };
}

/** Timestamps as epoch milliseconds; a missing number is NaN. */
function selectOf({ name, type }: ColumnSchema): string {
  const column = quoteName(name);
  if (type === "text") return `CAST(${column} AS VARCHAR)`;
  const number = type === "timestamp" ? `epoch_ms(CAST(${column} AS TIMESTAMP))` : column;
  return `coalesce(CAST(${number} AS DOUBLE), 'NaN'::DOUBLE)`;
}

function emptyColumn(isText: boolean, rows: number): Column {
  if (isText) return { kind: "text", values: new Array<string | null>(rows).fill(null) };
  return { kind: "number", values: new Float64Array(rows) };
}

function fill(column: Column, at: number, vector: unknown, rows: number): void {
  if (column.kind === "number" && vector instanceof DuckDBDoubleVector) {
    for (let i = 0; i < rows; i += 1) column.values[at + i] = vector.getItem(i) ?? Number.NaN;
  } else if (column.kind === "text" && vector instanceof DuckDBVarCharVector) {
    for (let i = 0; i < rows; i += 1) column.values[at + i] = vector.getItem(i);
  } else {
    throw new Error("the data engine gave another type of vector than was asked for");
  }
}
