import { type DataEngine, fromParquet, quoteName } from "../datasets/duckdb.ts";
import type { ColumnContract } from "../project/project.ts";
import type { Contract } from "./check-spec.ts";
import { type BatchProfile, columnNamed } from "./profile.ts";
import { isNumeric } from "./profile-batch.ts";

/** Rows of a batch that break a rule: what a profile cannot tell. A missing value breaks none. */
export interface ViolationCounts {
  /** By column: below `min` or above `max`. */
  readonly outside: ReadonlyMap<string, number>;
  /** By column: values, and different ones, that are not among `values`. */
  readonly unknown: ReadonlyMap<string, { readonly rows: number; readonly distinct: number }>;
  /** By column: numbers that are not whole. */
  readonly fractional: ReadonlyMap<string, number>;
  /** By column that must be unique: rows beyond the first of their value. */
  readonly repeated: ReadonlyMap<string, number>;
  /** Rows beyond the first of their key; 0 without a key. */
  readonly repeatedKeys: number;
}

type Kind = "outside" | "unknown" | "fractional" | "repeated";

interface Count {
  readonly kind: Kind;
  readonly column: string;
  readonly sql: string;
}

/**
 * Counts in one scan.
 * @param contract null: only the key
 * @param key columns that the batch has; empty for none
 */
export async function countViolations(
  engine: DataEngine,
  path: string,
  profile: BatchProfile,
  contract: Contract | null,
  key: readonly string[],
): Promise<ViolationCounts> {
  const bound: string[] = [];
  const counts = Object.entries(contract?.columns ?? {}).flatMap(([name, column]) =>
    countsOf(profile, name, column, bound),
  );
  const fields = counts.map(({ sql }, index) => `${sql} AS c${index}`);
  const keySql =
    key.length === 0
      ? "count(*) FILTER (WHERE false)"
      : `count(*) - count(DISTINCT row(${key.map(quoteName).join(", ")}))`;
  const [row = {}] = await engine.rows(
    `SELECT ${[`${keySql} AS k`, ...fields].join(", ")} FROM ${fromParquet([path])}`,
    bound,
  );
  const found = {
    outside: new Map<string, number>(),
    fractional: new Map<string, number>(),
    repeated: new Map<string, number>(),
  };
  const unknown = new Map<string, { rows: number; distinct: number }>();
  for (const [index, { kind, column }] of counts.entries()) {
    const value = row[`c${index}`];
    if (kind === "unknown") unknown.set(column, readPair(value));
    else found[kind].set(column, Number(value));
  }
  return { ...found, unknown, repeatedKeys: Number(row["k"]) };
}

/** @param bound values of `$1`, `$2`, …; grows */
function countsOf(
  profile: BatchProfile,
  name: string,
  contract: ColumnContract,
  bound: string[],
): Count[] {
  const column = columnNamed(profile, name);
  if (column === null) return [];
  const counts: Count[] = [];
  const sqlName = quoteName(name);
  if (isNumeric(column.type) && isNumeric(contract.type)) {
    const value = `CAST(${sqlName} AS DOUBLE)`;
    const outside = outsideSql(value, contract);
    if (outside !== null) counts.push({ kind: "outside", column: name, sql: outside });
    if (contract.type === "integer" && column.type === "number") {
      const sql = `count(*) FILTER (WHERE NOT isnan(${value}) AND ${value} <> trunc(${value}))`;
      counts.push({ kind: "fractional", column: name, sql });
    }
  }
  if (contract.values !== undefined && column.type === "text") {
    // Bound, not quoted: a text may hold what SQL text cannot (NUL).
    const place = bound.push(JSON.stringify(contract.values));
    const known = `SELECT unnest(from_json($${place}, '["VARCHAR"]'))`;
    const isUnknown = `${sqlName} IS NOT NULL AND ${sqlName} NOT IN (${known})`;
    const sql = `[count(*) FILTER (WHERE ${isUnknown}), count(DISTINCT ${sqlName}) FILTER (WHERE ${isUnknown})]`;
    counts.push({ kind: "unknown", column: name, sql });
  }
  if (contract.unique === true) {
    const sql = `count(${sqlName}) - count(DISTINCT ${sqlName})`;
    counts.push({ kind: "repeated", column: name, sql });
  }
  return counts;
}

/** NaN is missing; infinite is outside any bound. */
function outsideSql(value: string, { min, max }: ColumnContract): string | null {
  const bounds = [
    ...(min === undefined ? [] : [`${value} < ${numberSql(min)}`]),
    ...(max === undefined ? [] : [`${value} > ${numberSql(max)}`]),
  ];
  if (bounds.length === 0) return null;
  return `count(*) FILTER (WHERE NOT isnan(${value}) AND (${bounds.join(" OR ")} OR isinf(${value})))`;
}

function numberSql(value: number): string {
  return `CAST('${value}' AS DOUBLE)`;
}

function readPair(value: unknown): { rows: number; distinct: number } {
  if (value !== null && typeof value === "object" && "items" in value) {
    const items: unknown = value.items;
    if (Array.isArray(items)) return { rows: Number(items[0]), distinct: Number(items[1]) };
  }
  throw new Error("the data engine gave no pair of counts");
}
