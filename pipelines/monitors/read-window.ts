import { columnTypes, featureSchema } from "../compile/read-features.ts";
import type { NumberColumn, Table } from "../datasets/column.ts";
import { type DataEngine, fromParquet, quoteText } from "../datasets/duckdb.ts";
import { readTable } from "../datasets/read-table.ts";
import { JobError } from "../jobs/job-error.ts";
import type { ModelConfig } from "../project/project.ts";
import type { Feature } from "../train/train-spec.ts";
import { PREDICTION, withPrediction } from "./drift.ts";
import { parseLabel } from "./parse-label.ts";
import type { Outcomes } from "./performance.ts";

/** Features and `prediction` of Parquet files, as their kinds; only a reference may lack `prediction`. */
export async function readObserved(
  engine: DataEngine,
  role: "reference" | "window",
  paths: readonly string[],
  features: readonly Feature[],
): Promise<Table> {
  const from = fromParquet(paths);
  const types = await columnTypes(engine, from);
  const columns = withPrediction(features).filter(
    ({ name }) => name !== PREDICTION || role === "window" || types.has(name),
  );
  for (const column of columns) assertReadable(role, column, types.get(column.name));
  return readTable(engine, from, featureSchema(columns, types));
}

/** A text where a number is expected would fail in a cast, with the value in its message. */
function assertReadable(role: string, { name, kind }: Feature, type: string | undefined): void {
  if (type === undefined)
    throw new JobError(`expected a column '${name}' in the ${role}, got none`);
  if (kind === "number" && type === "VARCHAR") {
    throw new JobError(`column '${name}' of the ${role}: expected numbers, got ${type}`);
  }
}

export interface WindowSpan {
  readonly rows: number;
  /** Epoch milliseconds. */
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

/** Rejects with JobError for a window without rows. */
export async function readSpan(engine: DataEngine, paths: readonly string[]): Promise<WindowSpan> {
  const [span] = await engine.rows(
    `SELECT count(*)::DOUBLE AS n, min(at_ms)::DOUBLE AS first, max(at_ms)::DOUBLE AS last
     FROM ${fromParquet(paths)}`,
  );
  const rows = Number(span?.["n"] ?? 0);
  if (rows === 0) throw new JobError("expected a window with captured rows, found none");
  return { rows, firstAtMs: Number(span?.["first"]), lastAtMs: Number(span?.["last"]) };
}

export interface ReadOutcomes extends Outcomes {
  /** Labels of the window that say nothing for this task. */
  readonly unreadableLabels: number;
}

/**
 * Joins the window's predictions with the last label told for each (inference_id, row): by its time,
 * then by its place in the files. A row without a finite prediction counts as one without a label.
 */
export async function readOutcomes(
  engine: DataEngine,
  model: string,
  capturePaths: readonly string[],
  labelPaths: readonly string[],
  rows: number,
  task: ModelConfig["task"],
): Promise<ReadOutcomes> {
  if (labelPaths.length === 0) {
    return { rows, truth: new Float64Array(), predicted: new Float64Array(), unreadableLabels: 0 };
  }
  const joined = await readTable(
    engine,
    `(WITH told AS (
       SELECT *, row_number() OVER () AS place FROM ${fromParquet(labelPaths)}
       WHERE model = ${quoteText(model)}
     ), last_told AS (
       SELECT inference_id, "row", label FROM told
       QUALIFY row_number() OVER (PARTITION BY inference_id, "row" ORDER BY at_ms DESC, place DESC) = 1
     )
     SELECT w.prediction, l.label
     FROM ${fromParquet(capturePaths)} AS w JOIN last_told AS l
       ON w.inference_id = l.inference_id AND w."row" = l."row"
     ORDER BY w.inference_id, w."row")`,
    [
      { name: PREDICTION, type: "number" },
      { name: "label", type: "text" },
    ],
  );
  const predictions = (joined.columns.get(PREDICTION) as NumberColumn).values;
  const labels = (joined.columns.get("label")?.values ?? []) as readonly (string | null)[];
  const truth: number[] = [];
  const predicted: number[] = [];
  let unreadableLabels = 0;
  labels.forEach((text, i) => {
    const label = parseLabel(text, task);
    const prediction = predictions[i] as number;
    if (label === null) unreadableLabels += 1;
    else if (Number.isFinite(prediction)) {
      truth.push(label);
      predicted.push(prediction);
    }
  });
  return {
    rows,
    truth: Float64Array.from(truth),
    predicted: Float64Array.from(predicted),
    unreadableLabels,
  };
}
