import { lstat, open } from "node:fs/promises";
import { join } from "node:path";
import { fromParquet, quoteName } from "../datasets/duckdb.ts";
import type { JobContext } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import type { CommandTrainerConfig } from "../project/project.ts";
import { LAYOUT, PREDICTION } from "./job-layout.ts";
import { chooseReferenceRows } from "./reference-rows.ts";
import { runTrainerProcess, type TrainerExit } from "./run-trainer-process.ts";
import type { Trained, TrainerInput } from "./trainer.ts";
import { TrainerOutput } from "./trainer-output.ts";
import { writePlaces } from "./write-places.ts";

const GRACE_MS = 10_000;
const MAX_FAILURE_BYTES = 2000;
/** The choice of reference rows of a trainer that has no seed of its own. */
const REFERENCE_SEED = 1;

/**
 * Any program, by SageMaker's training contract: it finds its inputs and leaves model/model.onnx, or
 * model/model.json of XGBoost, and model/sample.parquet: the features of some rows with its own answers
 * in `prediction`, which are replayed before anything is published. Its working folder, and ML_PREFIX,
 * is the job's folder. reference.parquet has no `prediction` column: the program knows its answers, we
 * do not.
 */
export async function runCommandTrainer(input: TrainerInput): Promise<Trained> {
  const { spec, rows, engine, context, params } = input;
  const trainer = spec.config.trainer as CommandTrainerConfig;
  if (spec.command === null) {
    throw new JobError(
      `expected the trainer '${trainer.name}' in the setting trainerCommands, found none of that name`,
    );
  }
  const output = new TrainerOutput(context);
  const exit = await runTrainerProcess({
    command: spec.command,
    folder: context.folder,
    env: environmentOf(context, params),
    timeoutSecs: trainer.timeoutSecs,
    graceMs: GRACE_MS,
    signal: context.signal,
    onLine: (stream, line) => output.take(stream, line),
  });
  output.close();
  if (exit.code !== 0) throw new JobError(await explainFailure(context.folder, exit, output));
  const artifact = await findArtifact(context.folder);
  await assertSample(input);
  const names = rows.features.map(({ name }) => name);
  const places = chooseReferenceRows(rows.counts, REFERENCE_SEED);
  await writePlaces(engine, join(context.folder, LAYOUT.reference), names, places, null);
  context.log("reference rows have no predictions: the trainer is a program of its own");
  return { artifact, metrics: output.metrics };
}

/** Nothing of ours but where programs, the home folder and the language are. */
function environmentOf(
  { folder, env }: JobContext,
  params: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    PATH: env["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
    HOME: env["HOME"] ?? folder,
    LANG: env["LANG"] ?? "C.UTF-8",
    ML_PREFIX: folder,
    SM_MODEL_DIR: join(folder, LAYOUT.model),
    SM_CHANNELS: JSON.stringify(Object.keys(LAYOUT.data)),
    SM_CHANNEL_TRAIN: join(folder, LAYOUT.data.train),
    SM_CHANNEL_VALIDATION: join(folder, LAYOUT.data.validation),
    SM_HPS: JSON.stringify(params),
    SM_OUTPUT_DATA_DIR: join(folder, LAYOUT.output),
  };
}

async function explainFailure(
  folder: string,
  { code, signal }: TrainerExit,
  output: TrainerOutput,
): Promise<string> {
  const ended = code === null ? `was ended by ${signal}` : `ended with exit code ${code}`;
  const said = (await readFailure(join(folder, LAYOUT.failure))) ?? output.lastErrors;
  return said === "" ? `the trainer ${ended} and did not say why` : `the trainer ${ended}: ${said}`;
}

/** What it wrote to output/failure, as one line; null for nothing. */
async function readFailure(path: string): Promise<string | null> {
  if (!(await isFile(path))) return null;
  const file = await open(path);
  try {
    const buffer = new Uint8Array(MAX_FAILURE_BYTES);
    const { bytesRead } = await file.read(buffer, 0, buffer.length);
    const text = new TextDecoder().decode(buffer.subarray(0, bytesRead));
    return text.trim().replaceAll(/\s+/g, " ") || null;
  } finally {
    await file.close();
  }
}

async function findArtifact(folder: string): Promise<Trained["artifact"]> {
  if (await isFile(join(folder, LAYOUT.onnx))) return { kind: "onnx", file: LAYOUT.onnx };
  if (await isFile(join(folder, LAYOUT.xgboost))) return { kind: "xgboost", file: LAYOUT.xgboost };
  throw new JobError(
    `expected ${LAYOUT.onnx} or ${LAYOUT.xgboost} from the trainer, found neither`,
  );
}

/** A file of its own: a link may lead out of the folder. */
async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

/** Every feature, and a prediction for every row. */
async function assertSample({ engine, rows, context }: TrainerInput): Promise<void> {
  const path = join(context.folder, LAYOUT.sample);
  if (!(await isFile(path))) {
    throw new JobError(
      `expected ${LAYOUT.sample} from the trainer, rows with its own answers in '${PREDICTION}', found no such file`,
    );
  }
  const source = fromParquet([path]);
  const query = async (sql: string) => {
    try {
      return await engine.rows(sql);
    } catch (error) {
      const reason = error instanceof Error ? error.message.split("\n", 1)[0] : String(error);
      throw new JobError(`expected a Parquet file of numbers at ${LAYOUT.sample}: ${reason}`);
    }
  };
  const found = await query(`SELECT column_name AS name FROM (DESCRIBE SELECT * FROM ${source})`);
  const names = new Set(found.map(({ name }) => String(name)));
  const wanted = [...rows.features.map(({ name }) => name), PREDICTION];
  const missing = wanted.filter((name) => !names.has(name));
  if (missing.length > 0) {
    throw new JobError(
      `expected the columns ${wanted.join(", ")} in ${LAYOUT.sample}, found none called ${missing.join(", ")}`,
    );
  }
  const value = `CAST(${quoteName(PREDICTION)} AS DOUBLE)`;
  const [counts] = await query(
    `SELECT CAST(count(*) AS DOUBLE) AS total,
       CAST(count(*) FILTER (isfinite(${value})) AS DOUBLE) AS known FROM ${source}`,
  );
  if (counts?.["total"] === 0 || counts?.["total"] !== counts?.["known"]) {
    throw new JobError(
      `expected a finite '${PREDICTION}' in every row of ${LAYOUT.sample}, found ${counts?.["known"]} in ${counts?.["total"]} rows`,
    );
  }
}
