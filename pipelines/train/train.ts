import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type DataEngine, openDataEngine, quoteName } from "../datasets/duckdb.ts";
import type { JobContext, JobWork } from "../jobs/job.ts";
import { runCommandTrainer } from "./command-trainer.ts";
import { LAYOUT, LAYOUT_FOLDERS, spillFolderOf } from "./job-layout.ts";
import { PLACE, type PreparedRows, prepareRows, ROWS_TABLE } from "./prepare-rows.ts";
import type { TrainSpec } from "./train-spec.ts";
import { runTreeTrainer } from "./tree-trainer.ts";
import { writeWholeFile, writeWholeParquet } from "./whole-file.ts";

/**
 * Trains a model on a dataset, by SageMaker's file layout under the job's folder. Rows are split by
 * time: first training, then validation (early stopping), then evaluation, which no trainer sees.
 * Pauses at "split" (inputs written) and "trained". Rejects with JobError.
 */
export const train: JobWork<"train"> = async (spec, context) => {
  const { folder } = context;
  const engine = await openDataEngine({
    folders: [folder, ...new Set(spec.files.map(({ path }) => dirname(path)))],
    spillFolder: spillFolderOf(folder),
  });
  try {
    const rows = await prepareRows(engine, spec);
    const { counts, superseded, beyondMemory, withoutTarget } = rows;
    context.log("split", { ...counts, superseded, beyondMemory, withoutTarget });
    const params = paramsOf(spec);
    await writeInputs(engine, spec, rows, params, context);
    context.signal.throwIfAborted();
    await context.pause("split");
    const run = spec.config.trainer.kind === "command" ? runCommandTrainer : runTreeTrainer;
    const trained = await run({ engine, spec, rows, params, context });
    await writeWholeFile(join(folder, LAYOUT.metrics), toJson(trained.metrics));
    await context.pause("trained");
    context.signal.throwIfAborted();
    return {
      features: rows.features,
      ...trained,
      sampleFile: LAYOUT.sample,
      evaluationFile: LAYOUT.evaluation,
      referenceFile: LAYOUT.reference,
      params,
      rows: counts,
    };
  } finally {
    engine.close();
    await rm(spillFolderOf(folder), { recursive: true, force: true });
  }
};

/** The trainer's settings as texts, as SageMaker hands them over. */
function paramsOf({ config: { trainer } }: TrainSpec): Record<string, string> {
  const { kind: _, ...settings } = trainer;
  const values = trainer.kind === "command" ? (trainer.hyperparameters ?? {}) : settings;
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

async function writeInputs(
  engine: DataEngine,
  spec: TrainSpec,
  rows: PreparedRows,
  params: Readonly<Record<string, string>>,
  { folder, runId }: JobContext,
): Promise<void> {
  for (const each of LAYOUT_FOLDERS) await mkdir(join(folder, each), { recursive: true });
  const { config, model, dataset } = spec;
  const write = (path: string, value: unknown) => writeWholeFile(join(folder, path), toJson(value));
  await write(LAYOUT.hyperparameters, params);
  await write(LAYOUT.inputDataConfig, { train: channel(), validation: channel() });
  await write(LAYOUT.job, {
    schemaVersion: 1,
    runId,
    model,
    dataset,
    task: config.task,
    target: config.target,
    features: rows.features,
    rows: rows.counts,
  });
  const learnt = [...config.features, config.target];
  const copy = (path: string, columns: readonly string[], from: number, to: number) =>
    writeWholeParquet(engine, selectPlaces(columns, from, to), join(folder, path));
  const known = rows.counts.train + rows.counts.validation;
  await copy(LAYOUT.train, learnt, 0, rows.counts.train);
  await copy(LAYOUT.validation, learnt, rows.counts.train, known);
  await copy(LAYOUT.evaluation, rows.evaluationColumns, known, rows.total);
}

/** Of a channel in inputdataconfig.json, as SageMaker writes it. */
function channel(): Record<string, string> {
  return {
    ContentType: "application/vnd.apache.parquet",
    TrainingInputMode: "File",
    S3DistributionType: "FullyReplicated",
    RecordWrapperType: "None",
  };
}

function selectPlaces(columns: readonly string[], from: number, to: number): string {
  const fields = columns.map(quoteName).join(", ");
  return `SELECT ${fields} FROM ${ROWS_TABLE} WHERE ${PLACE} >= ${from} AND ${PLACE} < ${to} ORDER BY ${PLACE}`;
}

function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
