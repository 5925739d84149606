import { dirname } from "node:path";
import {
  columnTypes,
  featureSchema,
  isFeatureType,
  isNumberType,
} from "../compile/read-features.ts";
import type { ColumnSchema, NumberColumn, Table } from "../datasets/column.ts";
import { fromParquet, openDataEngine, quoteName } from "../datasets/duckdb.ts";
import { MAX_CELLS } from "../datasets/max-cells.ts";
import { readTable } from "../datasets/read-table.ts";
import { JobError } from "../jobs/job-error.ts";
import type { ModelConfig } from "../project/project.ts";
import type { Feature } from "../train/train-spec.ts";

/** The rows that both models are asked about. */
export interface EvaluationRows {
  /** Features, of either model, and slices. */
  readonly table: Table;
  /** 0 or 1, or the value; a row of `table` each. */
  readonly truth: Float64Array;
  /** Rows without a known truth, left out. */
  readonly unlabelled: number;
  /** Rows left out because all would not fit into memory: the first in the file. */
  readonly beyondMemory: number;
}

export interface RowsRequest {
  /** Absolute; Parquet. */
  readonly path: string;
  readonly config: Pick<ModelConfig, "target" | "task">;
  readonly features: readonly Feature[];
  /** Features that another model takes; those that the file has not, or of another type, are left out. */
  readonly otherFeatures: readonly Feature[];
  readonly slices: readonly string[];
  /** Larger-than-memory work of the data engine. Absolute. */
  readonly spillFolder: string;
  /** MAX_CELLS unless told. */
  readonly maxCells?: number;
}

/** @throws JobError for a column that is not there, no rows, or a binary target that is not 0 and 1 */
export async function readEvaluationRows(request: RowsRequest): Promise<EvaluationRows> {
  const { path, config, features, otherFeatures, slices, spillFolder } = request;
  const folders = [dirname(path), dirname(spillFolder)];
  const engine = await openDataEngine({ folders, spillFolder });
  try {
    const file = fromParquet([path]);
    const types = await columnTypes(engine, file);
    const others = otherFeatures.filter((feature) => isReadable(feature, types));
    const schema = unique([
      ...featureSchema(features, types),
      ...featureSchema(others, types),
      ...slices.map((name) => sliceSchema(name, types)),
    ]);
    const target = targetOf(config.target, types);
    const isKnown = `${quoteName(config.target)} IS NOT NULL`;
    const [all] = await engine.rows(
      `SELECT count(*)::DOUBLE AS rows, (count(*) FILTER (${isKnown}))::DOUBLE AS known FROM ${file}`,
    );
    const labelled = Number(all?.["known"]);
    const mostRows = Math.floor((request.maxCells ?? MAX_CELLS) / (schema.length + 1));
    const beyondMemory = Math.max(0, labelled - mostRows);
    const known = `(SELECT * FROM ${file} WHERE ${isKnown} OFFSET ${beyondMemory})`;
    const table = await readTable(engine, known, schema);
    const truths = await readTable(engine, known, [target]);
    const truth = (truths.columns.get(target.name) as NumberColumn).values;
    assertTruth(truth, config);
    return { table, truth, unlabelled: Number(all?.["rows"]) - labelled, beyondMemory };
  } finally {
    engine.close();
  }
}

function isReadable({ name, kind }: Feature, types: ReadonlyMap<string, string>): boolean {
  const type = types.get(name);
  return type !== undefined && isFeatureType(kind, type);
}

function unique(schema: readonly ColumnSchema[]): ColumnSchema[] {
  return [
    ...new Map(schema.toReversed().map((column) => [column.name, column])).values(),
  ].reverse();
}

function sliceSchema(name: string, types: ReadonlyMap<string, string>): ColumnSchema {
  const type = types.get(name);
  if (type === undefined) throw new JobError(`expected a slice column '${name}', got none`);
  return { name, type: isNumberType(type) && type !== "BOOLEAN" ? "number" : "text" };
}

function targetOf(name: string, types: ReadonlyMap<string, string>): ColumnSchema {
  const type = types.get(name);
  if (type === undefined) throw new JobError(`expected the target '${name}', got no such column`);
  if (!isNumberType(type))
    throw new JobError(`expected numbers in the target '${name}', got ${type}`);
  return { name, type: "number" };
}

function assertTruth(truth: Float64Array, { target, task }: RowsRequest["config"]): void {
  if (truth.length === 0) throw new JobError(`expected rows with a known '${target}', got none`);
  const isLegal = task === "binary" ? isZeroOrOne : Number.isFinite;
  const bad = truth.reduce((count, value) => count + (isLegal(value) ? 0 : 1), 0);
  if (bad === 0) return;
  const asked = task === "binary" ? "0 or 1" : "finite numbers";
  throw new JobError(`expected ${asked} in the target '${target}', got ${bad} rows with another`);
}

function isZeroOrOne(value: number): boolean {
  return value === 0 || value === 1;
}
