import type { ColumnSchema, Table } from "../datasets/column.ts";
import { type DataEngine, fromParquet } from "../datasets/duckdb.ts";
import { readTable } from "../datasets/read-table.ts";
import { JobError } from "../jobs/job-error.ts";
import type { Feature } from "../train/train-spec.ts";

/** Names and types of a FROM clause's columns, as the data engine calls them. */
export async function columnTypes(
  engine: DataEngine,
  from: string,
): Promise<ReadonlyMap<string, string>> {
  const rows = await engine.rows(`DESCRIBE SELECT * FROM ${from}`);
  return new Map(rows.map((row) => [String(row["column_name"]), String(row["column_type"])]));
}

const NUMBER_TYPE = /^(U?(TINY|SMALL|BIG|HUGE)?INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN)$/;
const TEXT_TYPE = /^(VARCHAR|UUID|ENUM\(.*\))$/;

/** Whether the data engine's type is a number, as booleans are to a model. */
export function isNumberType(type: string): boolean {
  return NUMBER_TYPE.test(type);
}

/** Whether a column of this type can be such a feature. */
export function isFeatureType(kind: Feature["kind"], type: string): boolean {
  return kind === "text" ? TEXT_TYPE.test(type) : isNumberType(type);
}

/**
 * What `readTable` must be told to get the features. Types are asked for before they are read: a
 * failed cast would quote a row's value.
 * @throws JobError naming a feature that is not there or of another type
 */
export function featureSchema(
  features: readonly Feature[],
  types: ReadonlyMap<string, string>,
): ColumnSchema[] {
  return features.map(({ name, kind }) => {
    const type = types.get(name);
    if (type === undefined) throw new JobError(`expected a column '${name}', got none`);
    if (!isFeatureType(kind, type))
      throw new JobError(`expected the feature '${name}' as ${kind}, got ${type}`);
    return { name, type: kind };
  });
}

/** Features, and other columns as they are told, of a Parquet file. @throws JobError as above */
export async function readParquet(
  engine: DataEngine,
  path: string,
  features: readonly Feature[],
  others: readonly ColumnSchema[],
): Promise<Table> {
  const from = fromParquet([path]);
  const types = await columnTypes(engine, from);
  for (const { name } of others) {
    if (!types.has(name)) throw new JobError(`expected a column '${name}', got none`);
  }
  const own = featureSchema(features, types);
  const added = others.filter(({ name }) => !own.some((column) => column.name === name));
  return readTable(engine, from, [...own, ...added]);
}
