import { type DataEngine, fromParquet, quoteName } from "../datasets/duckdb.ts";
import { JobError } from "../jobs/job-error.ts";
import { PREDICTION } from "./job-layout.ts";
import type { Feature, TrainSpec } from "./train-spec.ts";

/** DuckDB table that `prepareRows` makes: the columns asked for, and PLACE. */
export const ROWS_TABLE = "rows";
/** Counts from 0 in the order of time. */
export const PLACE = "__place";
/** Order of landing. */
const LANDED = "__landed";

const DEFAULT_EVALUATION_FRACTION = 0.2;
/** Share of the rows before the evaluation rows, the last of them, that decide when to stop. */
const VALIDATION_RATIO = 0.15;

const NUMBER_TYPE = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\)|BOOLEAN)$/;
const TEXT_TYPE = /^(VARCHAR|UUID|ENUM\(.*\))$/;

/** Rows 0 … train-1, then validation, then evaluation: by PLACE. */
export interface RowCounts {
  readonly train: number;
  readonly validation: number;
  readonly evaluation: number;
}

export interface PreparedRows {
  readonly features: readonly Feature[];
  readonly counts: RowCounts;
  readonly total: number;
  /** Left out: nobody knows the answer. */
  readonly withoutTarget: number;
  /** Features, target, slices, time: each once. */
  readonly evaluationColumns: readonly string[];
}

/**
 * Puts the dataset's rows into ROWS_TABLE in the order of time (ties in the order of landing; rows
 * without a time first): the last `trainRows` of them, less those without a target.
 * @throws JobError for columns, types, answers or numbers of rows that cannot be trained on
 */
export async function prepareRows(engine: DataEngine, spec: TrainSpec): Promise<PreparedRows> {
  if (spec.files.length === 0) throw new JobError(`${describe(spec)} has no files to train on`);
  const { config, timeColumn } = spec;
  const source = fromParquet(spec.files.map(({ path }) => path));
  const types = await readTypes(engine, source);
  const features = config.features.map((name) => toFeature(spec, types, name));
  assertNames(spec);
  assertTargetType(spec, types);
  const columns = [config.target, ...(config.evaluation?.slices ?? [])];
  if (timeColumn !== null) columns.push(timeColumn);
  const evaluationColumns = [...new Set([...config.features, ...columns])];
  for (const name of evaluationColumns) typeOf(spec, types, name);
  const withoutTarget = await createRows(engine, spec, source, evaluationColumns);
  const [count] = await engine.rows(`SELECT CAST(count(*) AS DOUBLE) AS n FROM ${ROWS_TABLE}`);
  const total = count?.["n"] as number;
  assertRows(spec, total, withoutTarget);
  const counts = countParts(total, config.evaluation?.fraction ?? DEFAULT_EVALUATION_FRACTION);
  await assertTargets(engine, spec, counts.train);
  return { features, counts, total, withoutTarget, evaluationColumns };
}

/** Every part has at least one row. REQUIRES: three rows. */
export function countParts(total: number, evaluationFraction: number): RowCounts {
  const evaluation = Math.min(Math.max(1, Math.round(total * evaluationFraction)), total - 2);
  const rest = total - evaluation;
  const validation = Math.max(1, Math.round(rest * VALIDATION_RATIO));
  return { train: rest - validation, validation, evaluation };
}

async function readTypes(engine: DataEngine, source: string): Promise<Map<string, string>> {
  const rows = await engine.rows(
    `SELECT column_name AS name, column_type AS type FROM (DESCRIBE SELECT * FROM ${source})`,
  );
  return new Map(rows.map(({ name, type }) => [String(name), String(type)]));
}

function describe({ dataset }: TrainSpec): string {
  return `dataset '${dataset.name}' version ${dataset.version}`;
}

function typeOf(spec: TrainSpec, types: ReadonlyMap<string, string>, name: string): string {
  const type = types.get(name);
  if (type !== undefined) return type;
  const found = [...types.keys()].join(", ");
  throw new JobError(`expected a column '${name}' in ${describe(spec)}, found ${found}`);
}

function toFeature(spec: TrainSpec, types: ReadonlyMap<string, string>, name: string): Feature {
  const type = typeOf(spec, types, name);
  if (NUMBER_TYPE.test(type)) return { name, kind: "number" };
  if (TEXT_TYPE.test(type)) return { name, kind: "text" };
  throw new JobError(
    `expected numbers, booleans or text in the feature '${name}', found ${type}: take parts of it as columns of their own (hour, weekday)`,
  );
}

function assertNames({ config }: TrainSpec): void {
  const seen = new Set<string>([config.target]);
  for (const name of config.features) {
    if (seen.has(name)) {
      const what = name === config.target ? "the target" : "a feature twice";
      throw new JobError(`expected features other than each other, found '${name}' as ${what}`);
    }
    if (name === PREDICTION) {
      throw new JobError(`expected another name for the feature '${name}': the answer has it`);
    }
    seen.add(name);
  }
}

function assertTargetType(spec: TrainSpec, types: ReadonlyMap<string, string>): void {
  const { target, task } = spec.config;
  const type = typeOf(spec, types, target);
  const isBoolean = type === "BOOLEAN";
  if (NUMBER_TYPE.test(type) && (task === "binary" || !isBoolean)) return;
  const expected = task === "binary" ? "booleans, or the numbers 0 and 1," : "numbers";
  throw new JobError(`expected ${expected} in the target '${target}' (${task}), found ${type}`);
}

/** Returns the number of rows that were left out for want of a target. */
async function createRows(
  engine: DataEngine,
  { config, timeColumn }: TrainSpec,
  source: string,
  columns: readonly string[],
): Promise<number> {
  const fields = columns.map(quoteName).join(", ");
  const byTime = (order: string) =>
    timeColumn === null ? "" : `${quoteName(timeColumn)} ${order},`;
  const target = `CAST(${quoteName(config.target)} AS DOUBLE)`;
  const limit = config.trainRows === undefined ? "" : `LIMIT ${config.trainRows}`;
  await engine.run(
    `CREATE TABLE landed AS SELECT * FROM
       (SELECT ${fields}, row_number() OVER () AS ${LANDED} FROM ${source})
     ORDER BY ${byTime("DESC NULLS LAST")} ${LANDED} DESC ${limit}`,
  );
  const isKnown = `${target} IS NOT NULL AND NOT isnan(${target})`;
  const [missing] = await engine.rows(
    `SELECT CAST(count(*) FILTER (NOT (${isKnown})) AS DOUBLE) AS n FROM landed`,
  );
  const order = `${byTime("NULLS FIRST")} ${LANDED}`;
  await engine.run(
    `CREATE TABLE ${ROWS_TABLE} AS
     SELECT ${fields}, row_number() OVER (ORDER BY ${order}) - 1 AS ${PLACE}
     FROM landed WHERE ${isKnown} ORDER BY ${PLACE}`,
  );
  await engine.run("DROP TABLE landed");
  return missing?.["n"] as number;
}

function assertRows(spec: TrainSpec, total: number, withoutTarget: number): void {
  const { minRows, target } = spec.config;
  // Three: one for each part.
  const fewest = Math.max(minRows, 3);
  if (total >= fewest) return;
  throw new JobError(
    `expected at least ${fewest} rows in ${describe(spec)} (minRows), found ${total} with a target, and ${withoutTarget} without '${target}'`,
  );
}

async function assertTargets(engine: DataEngine, spec: TrainSpec, train: number): Promise<void> {
  const { target, task } = spec.config;
  const value = `CAST(${quoteName(target)} AS DOUBLE)`;
  const isWrong = task === "binary" ? `${value} NOT IN (0, 1)` : `isinf(${value})`;
  const [found] = await engine.rows(
    `SELECT CAST(count(*) FILTER (${isWrong}) AS DOUBLE) AS wrong,
       count(DISTINCT ${value}) FILTER (${PLACE} < ${train}) = 1 AS is_constant
     FROM ${ROWS_TABLE}`,
  );
  if (found?.["wrong"] !== 0) {
    const expected = task === "binary" ? "0 or 1" : "finite numbers";
    throw new JobError(
      `expected ${expected} in the target '${target}' (${task}), found something else in ${found?.["wrong"]} rows`,
    );
  }
  if (task === "binary" && found["is_constant"] === true) {
    throw new JobError(
      `expected two classes of '${target}' in the ${train} training rows, found one`,
    );
  }
}
