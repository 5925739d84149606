import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type OnnxModel, openOnnx } from "../compile/onnx-session.ts";
import { columnTypes, featureSchema } from "../compile/read-features.ts";
import type { ColumnSchema } from "../datasets/column.ts";
import type { DataFile } from "../datasets/dataset-version.ts";
import {
  type DataEngine,
  fromParquet,
  openDataEngine,
  quoteName,
  quoteText,
} from "../datasets/duckdb.ts";
import { readTables } from "../datasets/read-table.ts";
import { inferType } from "../feeds/cast-sql.ts";
import type { JobWork } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import type { ScoreSpec } from "./score-spec.ts";

/** The batch, in the job's folder. */
const BATCH_FILE = "predictions.parquet";

/** Rows whose features are in memory at once. */
const CHUNK_ROWS = 16_384;

/** Columns that scoring adds to those kept. */
const ADDED: readonly ColumnSchema[] = [
  { name: "row_id", type: "text" },
  { name: "prediction", type: "number" },
  { name: "model", type: "text" },
  { name: "model_version", type: "integer" },
  { name: "scored_at", type: "timestamp" },
];

/**
 * Predictions of one version for every row of some files, in their order, as a Parquet batch. A row's
 * `row_id` is its file's batch id and its place in the file, from 0: scoring again gives the same
 * ids. `scored_at` is UTC. Rejects with JobError for a column that is not there, or one to keep that
 * has the name of one that is added.
 */
export const score: JobWork<"score"> = async (spec, context) => {
  const paths = spec.files.map(({ path }) => path);
  if (paths.length === 0) throw new JobError("expected files to score, got none");
  const folders = [...new Set([...paths.map((path) => dirname(path)), context.folder])];
  const spillFolder = join(context.folder, "spill");
  const engine = await openDataEngine({ folders, spillFolder });
  try {
    const kept = keptSchema(spec.keep, await columnTypes(engine, fromParquet(paths)));
    const rows = await predictInto(engine, spec, context.signal);
    const path = join(context.folder, BATCH_FILE);
    await writeBatch(engine, spec, kept, path);
    await context.pause("written");
    const { size } = await stat(path);
    const batch = {
      file: BATCH_FILE,
      sha256: await sha256OfFile(path),
      bytes: size,
      rows,
      isPartial: false,
      schema: [...kept, ...ADDED],
      treatments: Object.fromEntries([...kept, ...ADDED].map(({ name }) => [name, "keep"])),
    };
    return { batch };
  } finally {
    engine.close();
  }
};

function keptSchema(keep: readonly string[], types: ReadonlyMap<string, string>): ColumnSchema[] {
  return keep.map((name) => {
    const type = types.get(name);
    if (type === undefined) throw new JobError(`expected a column '${name}' to keep, got none`);
    // The data engine's names do not tell upper from lower case.
    if (ADDED.some((added) => added.name === name.toLowerCase())) {
      throw new JobError(
        `the column '${name}' has the name of one that scoring adds: keep another`,
      );
    }
    return { name, type: inferType(type) };
  });
}

/** Table `answers`: row_id and prediction of every row of the files, in their order. */
async function predictInto(
  engine: DataEngine,
  spec: ScoreSpec,
  signal: AbortSignal,
): Promise<number> {
  await engine.run("CREATE TABLE answers (row_id VARCHAR, prediction DOUBLE)");
  const model = await openOnnx(spec.modelPath, spec.task);
  let rows = 0;
  try {
    for (const file of spec.files) {
      const predictions = await predictFile(engine, model, file, spec, signal);
      await appendAnswers(engine, file, predictions);
      rows += predictions.reduce((sum, { length }) => sum + length, 0);
    }
  } finally {
    await model.close();
  }
  return rows;
}

/** Piece by piece; of what was read only the answers stay. */
async function predictFile(
  engine: DataEngine,
  model: OnnxModel,
  file: DataFile,
  { features }: ScoreSpec,
  signal: AbortSignal,
): Promise<Float64Array[]> {
  const from = fromParquet([file.path]);
  const schema = featureSchema(features, await columnTypes(engine, from));
  const predictions: Float64Array[] = [];
  for await (const table of readTables(engine, from, schema, CHUNK_ROWS)) {
    if (signal.aborted) throw new JobError("scoring was stopped", true);
    predictions.push(await model.run(table, features));
  }
  return predictions;
}

async function appendAnswers(
  engine: DataEngine,
  { batchId }: DataFile,
  predictions: readonly Float64Array[],
): Promise<void> {
  const appender = await engine.connection.createAppender("answers");
  let row = 0;
  for (const piece of predictions) {
    for (const prediction of piece) {
      appender.appendVarchar(`${batchId}-${row}`);
      appender.appendDouble(prediction);
      appender.endRow();
      row += 1;
    }
    appender.flushSync();
  }
  appender.closeSync();
}

async function writeBatch(
  engine: DataEngine,
  spec: ScoreSpec,
  kept: readonly ColumnSchema[],
  path: string,
): Promise<void> {
  const from = fromParquet(spec.files.map((file) => file.path));
  // Positional: both sides stand in the order of the files, which the engine is told to keep.
  const rows = `(SELECT * FROM ${from}) AS source POSITIONAL JOIN answers`;
  const fields = [
    ...kept.map(({ name }) => `source.${quoteName(name)}`),
    "answers.row_id",
    "answers.prediction",
    `${quoteText(spec.model)} AS model`,
    `${spec.version}::BIGINT AS model_version`,
    `${quoteText(new Date().toISOString().replace("Z", ""))}::TIMESTAMP AS scored_at`,
  ];
  await engine.run(
    `COPY (SELECT ${fields.join(", ")} FROM ${rows}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`,
  );
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest("hex");
}
