import type { ColumnType } from "../project/project.ts";

/** Beyond it, neighbouring integers are one number in a double: to models, and to readers of JSON. */
const MAX_INTEGER = "9007199254740991";

/** What the data engine's own type amounts to. */
export type EngineKind =
  | "integer"
  | "decimal"
  | "boolean"
  | "timestamp"
  | "zonedTimestamp"
  | "text"
  | "nested";

const INTEGERS = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER)$/;
const DECIMALS = /^(DOUBLE|FLOAT|DECIMAL\(.*\))$/;
const TIMESTAMPS = /^(DATE|TIMESTAMP|TIMESTAMP_(S|MS|NS))$/;
const NESTED = /^(STRUCT|MAP|UNION)\(|\]$|^JSON$/;

/** @param engineType as DESCRIBE says it */
export function engineKind(engineType: string): EngineKind {
  // A list of numbers ends in `[]`: look for nesting first.
  if (NESTED.test(engineType)) return "nested";
  if (INTEGERS.test(engineType)) return "integer";
  if (DECIMALS.test(engineType)) return "decimal";
  if (engineType === "BOOLEAN") return "boolean";
  if (TIMESTAMPS.test(engineType)) return "timestamp";
  if (engineType === "TIMESTAMP WITH TIME ZONE") return "zonedTimestamp";
  return "text";
}

/** The type of a column that nobody declared. Anything else than a scalar becomes text (JSON). */
export function inferType(engineType: string): ColumnType {
  const kind = engineKind(engineType);
  if (kind === "decimal") return "number";
  if (kind === "zonedTimestamp") return "timestamp";
  return kind === "nested" ? "text" : kind;
}

/** The value as text; what is no scalar as JSON. */
export function textSql(sql: string, engineType: string): string {
  const kind = engineKind(engineType);
  if (engineType === "VARCHAR") return sql;
  if (kind === "nested" && engineType !== "JSON") return `CAST(to_json(${sql}) AS VARCHAR)`;
  return `CAST(${sql} AS VARCHAR)`;
}

/** NULL for a value that does not fit. Timestamps come out in UTC and without a zone. */
export function castSql(sql: string, engineType: string, type: ColumnType): string {
  const kind = engineKind(engineType);
  const text = textSql(sql, engineType);
  if (type === "text") return text;
  if (type === "number") {
    return `TRY_CAST(${kind === "integer" || kind === "decimal" ? sql : text} AS DOUBLE)`;
  }
  if (type === "integer") return integerSql(sql, text, kind);
  if (type === "boolean") return kind === "boolean" ? sql : `TRY_CAST(${text} AS BOOLEAN)`;
  return timestampSql(sql, text, kind);
}

/** The engine's own cast would round 1.5 to 2. */
function integerSql(sql: string, text: string, kind: EngineKind): string {
  const isNumeric = kind === "integer" || kind === "decimal";
  const value = isNumeric ? sql : `trim(${text})`;
  const isWhole = isNumeric
    ? `${sql} = trunc(${sql})`
    : String.raw`regexp_full_match(${value}, '[+-]?\d+(\.0*)?')`;
  const whole = isNumeric ? value : `regexp_replace(${value}, '\\..*$', '')`;
  const cast = `TRY_CAST(${whole} AS BIGINT)`;
  return `CASE WHEN ${isWhole} AND ${cast} BETWEEN -${MAX_INTEGER} AND ${MAX_INTEGER} THEN ${cast} END`;
}

/** Texts must begin as ISO 8601 dates do: the engine would take more, and guess. */
function timestampSql(sql: string, text: string, kind: EngineKind): string {
  if (kind === "integer" || kind === "decimal") return "CAST(NULL AS TIMESTAMP)";
  if (kind === "timestamp") return finite(`CAST(${sql} AS TIMESTAMP)`);
  if (kind === "zonedTimestamp") return finite(`(${sql} AT TIME ZONE 'UTC')`);
  const value = `TRY_CAST(trim(${text}) AS TIMESTAMP WITH TIME ZONE) AT TIME ZONE 'UTC'`;
  return String.raw`CASE WHEN regexp_matches(trim(${text}), '^\d{4,6}-\d\d-\d\d') THEN ${finite(`(${value})`)} END`;
}

function finite(sql: string): string {
  return `CASE WHEN isfinite(${sql}) THEN ${sql} END`;
}
