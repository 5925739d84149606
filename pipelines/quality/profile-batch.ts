import { type DataEngine, fromParquet, quoteName } from "../datasets/duckdb.ts";
import type { ColumnType } from "../project/project.ts";
import {
  type BatchProfile,
  type ColumnProfile,
  MAX_LISTED_VALUES,
  type NumberProfile,
  QUANTILE_SHARES,
  type TextProfile,
  TOP_VALUES,
} from "./profile.ts";

type Row = Awaited<ReturnType<DataEngine["rows"]>>[number];

interface FileColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly isFloat: boolean;
}

/**
 * Profiles a Parquet file: one scan for all that is an aggregate, and one for every text column's
 * commonest values. Types are those of the file.
 * @throws Error when the file has a column of a type that no dataset has
 */
export async function profileBatch(engine: DataEngine, path: string): Promise<BatchProfile> {
  const from = fromParquet([path]);
  const fileColumns = await describeFile(engine, from);
  const fields = fileColumns.flatMap(aggregatesOf);
  const [row] = await engine.rows(`SELECT ${["count(*) AS n", ...fields].join(", ")} FROM ${from}`);
  if (row === undefined) throw new Error("an aggregate gave no row");
  const columns: ColumnProfile[] = [];
  for (const [index, column] of fileColumns.entries()) {
    const text =
      column.type === "text" ? await readText(engine, from, column.name, index, row) : null;
    columns.push({
      name: column.name,
      type: column.type,
      missing: numberOf(row, `missing${index}`),
      distinct: text?.isComplete === true ? text.values.length : numberOf(row, `distinct${index}`),
      number: isNumeric(column.type) ? readNumber(row, index) : null,
      text,
      time: column.type === "timestamp" ? readTime(row, index) : null,
    });
  }
  return { schemaVersion: 1, rows: numberOf(row, "n"), columns };
}

/** boolean counts as 0 and 1. */
export function isNumeric(type: ColumnType): boolean {
  return type === "number" || type === "integer" || type === "boolean";
}

async function describeFile(engine: DataEngine, from: string): Promise<FileColumn[]> {
  const described = await engine.rows(`DESCRIBE SELECT * FROM ${from}`);
  return described.map((row) => {
    const sqlType = String(row["column_type"]);
    return {
      name: String(row["column_name"]),
      type: columnTypeOf(sqlType),
      isFloat: sqlType === "DOUBLE" || sqlType === "FLOAT",
    };
  });
}

function columnTypeOf(sqlType: string): ColumnType {
  if (sqlType === "BOOLEAN") return "boolean";
  if (sqlType === "VARCHAR") return "text";
  if (sqlType === "DATE" || sqlType.startsWith("TIMESTAMP")) return "timestamp";
  if (sqlType === "DOUBLE" || sqlType === "FLOAT" || sqlType.startsWith("DECIMAL")) return "number";
  if (/^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/.test(sqlType)) return "integer";
  throw new Error(`a column of a dataset cannot be of the SQL type ${sqlType}`);
}

function aggregatesOf({ name, type, isFloat }: FileColumn, index: number): string[] {
  const column = quoteName(name);
  const isMissing = `(${column} IS NULL${isFloat ? ` OR isnan(${column})` : ""})`;
  const fields = [
    `count(*) FILTER (WHERE ${isMissing}) AS missing${index}`,
    `approx_count_distinct(${column}) FILTER (WHERE NOT ${isMissing}) AS distinct${index}`,
  ];
  if (isNumeric(type)) fields.push(...numberAggregates(column, index));
  if (type === "timestamp") {
    const ms = `epoch_ms(CAST(${column} AS TIMESTAMP))`;
    fields.push(`min(${ms}) AS min${index}`, `max(${ms}) AS max${index}`);
  }
  if (type === "text") {
    fields.push(
      `min(length(${column})) AS min${index}`,
      `max(length(${column})) AS max${index}`,
      `avg(length(${column})) AS mean${index}`,
    );
  }
  return fields;
}

function numberAggregates(column: string, index: number): string[] {
  const value = `CAST(${column} AS DOUBLE)`;
  const finite = `FILTER (WHERE isfinite(${value}))`;
  return [
    `min(${value}) ${finite} AS min${index}`,
    `max(${value}) ${finite} AS max${index}`,
    `avg(${value}) ${finite} AS mean${index}`,
    `stddev_pop(${value}) ${finite} AS std${index}`,
    `approx_quantile(${value}, [${QUANTILE_SHARES.join(", ")}]) ${finite} AS quantiles${index}`,
    `count(*) FILTER (WHERE isinf(${value})) AS infinite${index}`,
  ];
}

function readNumber(row: Row, index: number): NumberProfile | null {
  if (row[`min${index}`] === null) return null;
  return {
    min: numberOf(row, `min${index}`),
    max: numberOf(row, `max${index}`),
    mean: numberOf(row, `mean${index}`),
    std: numberOf(row, `std${index}`),
    quantiles: readList(row[`quantiles${index}`]),
    infinite: numberOf(row, `infinite${index}`),
  };
}

function readTime(row: Row, index: number): ColumnProfile["time"] {
  if (row[`min${index}`] === null) return null;
  return { minMs: numberOf(row, `min${index}`), maxMs: numberOf(row, `max${index}`) };
}

async function readText(
  engine: DataEngine,
  from: string,
  name: string,
  index: number,
  row: Row,
): Promise<TextProfile> {
  const column = quoteName(name);
  const found = await engine.rows(
    `SELECT ${column} AS v, count(*) AS n FROM ${from} WHERE ${column} IS NOT NULL
     GROUP BY ALL ORDER BY n DESC, v LIMIT ${MAX_LISTED_VALUES + 1}`,
  );
  const isComplete = found.length <= MAX_LISTED_VALUES;
  const values = found.map((one) => ({ value: String(one["v"]), count: Number(one["n"]) }));
  const top = values.slice(0, TOP_VALUES).filter(({ count }) => count > 1);
  const length = (key: string) => {
    const value = row[`${key}${index}`];
    return value === null || value === undefined ? null : Number(value);
  };
  return {
    minLength: length("min"),
    maxLength: length("max"),
    meanLength: length("mean"),
    values: isComplete ? values : top,
    isComplete,
  };
}

function numberOf(row: Row, key: string): number {
  return Number(row[key]);
}

function readList(value: unknown): number[] {
  if (
    value !== null &&
    typeof value === "object" &&
    "items" in value &&
    Array.isArray(value.items)
  ) {
    return value.items.map(Number);
  }
  throw new Error("the data engine gave no list of quantiles");
}
