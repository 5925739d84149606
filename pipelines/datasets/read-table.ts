import { type DuckDBDataChunk, DuckDBDoubleVector, DuckDBVarCharVector } from "@duckdb/node-api";
import type { Column, ColumnSchema, Table } from "./column.ts";
import { type DataEngine, quoteName } from "./duckdb.ts";

/**
 * Reads columns of a FROM clause into memory: text as it is, everything else as numbers. Of the
 * engine's own answer one chunk is held at a time.
 * @param from what stands after FROM, with WHERE, ORDER BY and LIMIT if need be
 */
export async function readTable(
  engine: DataEngine,
  from: string,
  schema: readonly ColumnSchema[],
): Promise<Table> {
  for await (const table of readTables(engine, from, schema, Number.POSITIVE_INFINITY))
    return table;
  return new GrowingTable(schema).take();
}

/**
 * The same in pieces of at least so many rows, but for the last; none for no rows. Between two pieces
 * the engine's connection must not be used.
 */
export async function* readTables(
  engine: DataEngine,
  from: string,
  schema: readonly ColumnSchema[],
  rows: number,
): AsyncGenerator<Table> {
  if (schema.length === 0) throw new Error("readTable needs columns");
  const fields = schema.map(selectOf).join(", ");
  const result = await engine.connection.stream(`SELECT ${fields} FROM ${from}`);
  let growing = new GrowingTable(schema);
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    growing.append(chunk);
    if (growing.rows < rows) continue;
    yield growing.take();
    growing = new GrowingTable(schema);
  }
  if (growing.rows > 0) yield growing.take();
}

/** Timestamps as epoch milliseconds; a missing number is NaN. */
function selectOf({ name, type }: ColumnSchema): string {
  const column = quoteName(name);
  if (type === "text") return `CAST(${column} AS VARCHAR)`;
  const number = type === "timestamp" ? `epoch_ms(CAST(${column} AS TIMESTAMP))` : column;
  return `coalesce(CAST(${number} AS DOUBLE), 'NaN'::DOUBLE)`;
}

const FIRST_ROWS = 4096;

class GrowingTable {
  readonly #names: readonly string[];
  readonly #columns: Column[];
  #rows = 0;

  constructor(schema: readonly ColumnSchema[]) {
    this.#names = schema.map(({ name }) => name);
    this.#columns = schema.map(({ type }) =>
      type === "text"
        ? { kind: "text", values: [] }
        : { kind: "number", values: new Float64Array(FIRST_ROWS) },
    );
  }

  get rows(): number {
    return this.#rows;
  }

  append(chunk: DuckDBDataChunk): void {
    const end = this.#rows + chunk.rowCount;
    this.#columns.forEach((column, index) => {
      const wide = withRoom(column, end);
      fill(wide, this.#rows, chunk.getColumnVector(index), chunk.rowCount);
      this.#columns[index] = wide;
    });
    this.#rows = end;
  }

  /** The table is the caller's; nothing is appended any more. */
  take(): Table {
    const columns = this.#columns.map((column, index): [string, Column] => {
      const name = this.#names[index] as string;
      if (column.kind === "text") return [name, column];
      return [name, { kind: "number", values: column.values.subarray(0, this.#rows) }];
    });
    return { rows: this.#rows, columns: new Map(columns) };
  }
}

function withRoom(column: Column, rows: number): Column {
  if (column.kind === "text" || column.values.length >= rows) return column;
  const values = new Float64Array(Math.max(rows, column.values.length * 2));
  values.set(column.values);
  return { kind: "number", values };
}

function fill(column: Column, at: number, vector: unknown, rows: number): void {
  if (column.kind === "number" && vector instanceof DuckDBDoubleVector) {
    for (let i = 0; i < rows; i += 1) column.values[at + i] = vector.getItem(i) ?? Number.NaN;
  } else if (column.kind === "text" && vector instanceof DuckDBVarCharVector) {
    for (let i = 0; i < rows; i += 1) column.values.push(vector.getItem(i));
  } else {
    throw new Error("the data engine gave another type of vector than was asked for");
  }
}
