import { type DataEngine, fromParquet, quoteName } from "../datasets/duckdb.ts";
import { MAX_CELLS } from "../datasets/max-cells.ts";
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
  /** Left out: a row of the same key landed later. */
  readonly superseded: number;
  /** Left out: beyond what the built-in trainer holds in memory. */
  readonly beyondMemory: number;
  /** Left out: nobody knows the answer. */
  readonly withoutTarget: number;
  /** Features, target, slices, time: each once. */
  readonly evaluationColumns: readonly string[];
}

/**
 * Puts the dataset's rows into ROWS_TABLE in the order of time (ties in the order of landing; rows
 * without a time first): the last `trainRows` of them, less those without a target. Of the rows of one
 * key only the last that landed is taken, before anything is split: no key stands on both sides, and
 * no row teaches what an update took back. A row without a whole key is nobody's update. The built-in
 * trainer holds its rows in memory: it gets the last that fit into MAX_CELLS.
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
  for (const name of [...evaluationColumns, ...spec.keyColumns]) typeOf(spec, types, name);
  const left = await createRows(engine, spec, source, evaluationColumns);
  const total = await countRows(engine, ROWS_TABLE);
  assertRows(spec, total, left);
  const counts = countParts(total, config.evaluation?.fraction ?? DEFAULT_EVALUATION_FRACTION);
  await assertTargets(engine, spec, counts.train);
  return { features, counts, total, ...left, evaluationColumns };
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

type LeftOut = Pick<PreparedRows, "superseded" | "beyondMemory" | "withoutTarget">;

async function createRows(
  engine: DataEngine,
  spec: TrainSpec,
  source: string,
  columns: readonly string[],
): Promise<LeftOut> {
  const { config, timeColumn } = spec;
  const fields = columns.map(quoteName).join(", ");
  const byTime = (order: string) =>
    timeColumn === null ? "" : `${quoteName(timeColumn)} ${order},`;
  const superseded = await createLastRows(engine, spec, source, columns);
  const asked = Math.min(await countRows(engine, "last_rows"), config.trainRows ?? Infinity);
  const limit = Math.min(asked, mostRows(spec.config));
  const target = `CAST(${quoteName(config.target)} AS DOUBLE)`;
  await engine.run(
    `CREATE TABLE landed AS SELECT * FROM last_rows
     ORDER BY ${byTime("DESC NULLS LAST")} ${LANDED} DESC LIMIT ${limit};
     DROP TABLE last_rows`,
  );
  const isKnown = `${target} IS NOT NULL AND NOT isnan(${target})`;
  const withoutTarget = await countRows(engine, `landed WHERE NOT (${isKnown})`);
  const order = `${byTime("NULLS FIRST")} ${LANDED}`;
  await engine.run(
    `CREATE TABLE ${ROWS_TABLE} AS
     SELECT ${fields}, row_number() OVER (ORDER BY ${order}) - 1 AS ${PLACE}
     FROM landed WHERE ${isKnown} ORDER BY ${PLACE};
     DROP TABLE landed`,
  );
  return { superseded, beyondMemory: asked - limit, withoutTarget };
}

/** Table `last_rows`: of each key the row that landed last. Returns how many rows were left out. */
async function createLastRows(
  engine: DataEngine,
  { keyColumns }: TrainSpec,
  source: string,
  columns: readonly string[],
): Promise<number> {
  const fields = columns.map(quoteName).join(", ");
  const all = [...new Set([...columns, ...keyColumns])].map(quoteName).join(", ");
  const key = keyColumns.map(quoteName);
  const hasNoKey = key.map((name) => `${name} IS NULL`).join(" OR ");
  const isLast =
    key.length === 0
      ? ""
      : `QUALIFY ${hasNoKey} OR row_number() OVER (PARTITION BY ${key.join(", ")} ORDER BY ${LANDED} DESC) = 1`;
  await engine.run(
    `CREATE TABLE last_rows AS SELECT ${fields}, ${LANDED} FROM
       (SELECT ${all}, row_number() OVER () AS ${LANDED} FROM ${source}) ${isLast}`,
  );
  if (key.length === 0) return 0;
  return (await countRows(engine, source)) - (await countRows(engine, "last_rows"));
}

async function countRows(engine: DataEngine, from: string): Promise<number> {
  const [row] = await engine.rows(`SELECT CAST(count(*) AS DOUBLE) AS n FROM ${from}`);
  return row?.["n"] as number;
}

/** Rows that are taken into memory; a program of its own reads the files as it can. */
export function mostRows(config: TrainSpec["config"]): number {
  if (config.trainer.kind === "command") return Number.POSITIVE_INFINITY;
  return Math.floor(MAX_CELLS / (config.features.length + 1));
}

function assertRows(spec: TrainSpec, total: number, left: LeftOut): void {
  const { minRows, target } = spec.config;
  // Three: one for each part.
  const fewest = Math.max(minRows, 3);
  if (total >= fewest) return;
  const updated = left.superseded === 0 ? "" : `, and ${left.superseded} replaced by later ones`;
  throw new JobError(
    `expected at least ${fewest} rows in ${describe(spec)} (minRows), found ${total} with a target, and ${left.withoutTarget} without '${target}'${updated}`,
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
