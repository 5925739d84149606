import type { ColumnSchema } from "../datasets/column.ts";
import { quoteName } from "../datasets/duckdb.ts";
import type { ColumnType } from "../project/project.ts";

/** What a view outlet is in PostgreSQL: the statements, and what cannot be. No effects. */

/** As format_type() names them. */
const PG_TYPES: Readonly<Record<ColumnType, string>> = {
  number: "double precision",
  integer: "bigint",
  boolean: "boolean",
  text: "text",
  timestamp: "timestamp with time zone",
};

export const CURSOR_COLUMN = "sluice_cursor";
/** No dataset's name starts with an underscore. */
export const POSITIONS_TABLE = "_positions";
const TABLE_SUFFIX = "_v1";
/** PostgreSQL cuts longer names without a word. */
const MAX_NAME_BYTES = 63;

export function tableName(dataset: string): string {
  return `${dataset}${TABLE_SUFFIX}`;
}

export interface ViewNames {
  /** Quoted, with the schema. */
  readonly table: string;
  readonly view: string;
  readonly positions: string;
}

export interface TypedColumn {
  readonly name: string;
  /** PostgreSQL's. */
  readonly type: string;
}

/** @throws Error for a dataset whose name PostgreSQL would cut */
export function viewNames(schema: string, dataset: string): ViewNames {
  assertFits("dataset", dataset, MAX_NAME_BYTES - TABLE_SUFFIX.length);
  const inSchema = (name: string) => `${quoteName(schema)}.${quoteName(name)}`;
  return {
    table: inSchema(tableName(dataset)),
    view: inSchema(dataset),
    positions: inSchema(POSITIONS_TABLE),
  };
}

/** @throws Error for columns that PostgreSQL cannot have */
export function toPgColumns(schema: readonly ColumnSchema[]): readonly TypedColumn[] {
  return schema.map(({ name, type }) => {
    assertFits("column", name, MAX_NAME_BYTES);
    if (name === CURSOR_COLUMN) {
      throw new Error(`column '${name}' has the name of the view's own; call it something else`);
    }
    return { name, type: PG_TYPES[type] };
  });
}

function assertFits(what: string, name: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(name);
  if (bytes > maxBytes) {
    throw new Error(
      `${what} '${name}' has ${bytes} bytes; PostgreSQL names here have at most ${maxBytes}`,
    );
  }
}

/**
 * The columns of the table once the wanted ones are in it: those there, then the new ones. Integers
 * go into a column of numbers; any other change of type is refused.
 * @throws Error naming the column and what to do
 */
export function mergeColumns(
  present: readonly TypedColumn[],
  wanted: readonly TypedColumn[],
): readonly TypedColumn[] {
  const byName = new Map(present.map((column) => [column.name, column.type]));
  const added = wanted.filter(({ name }) => !byName.has(name));
  for (const { name, type } of wanted) {
    const before = byName.get(name) ?? type;
    const widens = before === PG_TYPES.number && type === PG_TYPES.integer;
    if (before === type || widens) continue;
    throw new Error(
      `column '${name}' is ${before} in the view and became ${type}: give its type under datasets in the project file, or drop the view and its table to have them made again from the first batch`,
    );
  }
  return [...present, ...added];
}

/** From what is there to what must be; empty when nothing is to do. `present` empty: no table. */
export function tableStatements(
  names: ViewNames,
  present: readonly TypedColumn[],
  columns: readonly TypedColumn[],
): readonly string[] {
  const define = ({ name, type }: TypedColumn) => `${quoteName(name)} ${type}`;
  if (present.length === 0) {
    const fields = [`${quoteName(CURSOR_COLUMN)} bigint PRIMARY KEY`, ...columns.map(define)];
    return [`CREATE TABLE ${names.table} (${fields.join(", ")})`];
  }
  return columns
    .slice(present.length)
    .map((column) => `ALTER TABLE ${names.table} ADD COLUMN ${define(column)}`);
}

/** Columns can only be added at its end, as tableStatements does. */
export function viewStatement(names: ViewNames, columns: readonly TypedColumn[]): string {
  const fields = [CURSOR_COLUMN, ...columns.map(({ name }) => name)].map(quoteName);
  return `CREATE OR REPLACE VIEW ${names.view} AS SELECT ${fields.join(", ")} FROM ${names.table}`;
}

/** Values as arrays: `$1` of cursors, then one a column. */
export function insertStatement(names: ViewNames, columns: readonly TypedColumn[]): string {
  const fields = [CURSOR_COLUMN, ...columns.map(({ name }) => name)].map(quoteName);
  const types = ["bigint", ...columns.map(({ type }) => type)];
  const arrays = types.map((type, index) => `$${index + 1}::${type}[]`);
  return `INSERT INTO ${names.table} (${fields.join(", ")}) SELECT * FROM unnest(${arrays.join(", ")})`;
}
