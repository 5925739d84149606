import { mkdir, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type DataEngine, fromParquet, openDataEngine } from "../datasets/duckdb.ts";
import type { JobContext, JobWork } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import type { ColumnType } from "../project/project.ts";
import { type CheckContext, checkBatch, checkWithoutContract } from "./check-batch.ts";
import type { CheckSpec, Contract, Problem } from "./check-spec.ts";
import { countViolations } from "./count-violations.ts";
import { inferContract } from "./infer-contract.ts";
import { countKnownKeys } from "./known-keys.ts";
import { uncheckedColumns, writtenParts } from "./merge-overrides.ts";
import type { BatchProfile } from "./profile.ts";
import { profileBatch } from "./profile-batch.ts";
import { fewestRows, MAX_BATCHES } from "./row-history.ts";

const PROFILE_FILE = "profile.json";
const DEFAULT_INFER_FROM = 3;
/** More batches teach nothing new about what a usual one looks like. */
const MAX_INFER_FROM = 100;

/**
 * Checks one batch. With a contract: against it and the history of counts. Before there is one:
 * against the columns of the batches before and the key; the batch that completes
 * `contract.inferFrom` brings the first contract. Level `warn` lets a batch in with its problems.
 * Pauses at "checked", before the result.
 */
export const check: JobWork<"check"> = async (spec, context) => {
  const spillFolder = join(context.folder, "spill");
  await mkdir(spillFolder, { recursive: true });
  const folders = new Set([context.folder, dirname(spec.batch.path)]);
  for (const path of spec.acceptedPaths) folders.add(dirname(path));
  const engine = await openDataEngine({ folders: [...folders], spillFolder });
  try {
    const profile = await profileBatch(engine, spec.batch.path);
    assertSchema(spec, profile);
    const problems = await findProblems(engine, spec, profile);
    const isWarn = spec.dataset.contract?.level === "warn";
    const outcome = problems.length === 0 || isWarn ? "passed" : "failed";
    const inferred = outcome === "passed" ? await inferFirst(engine, spec, profile) : null;
    await writeProfile(join(context.folder, PROFILE_FILE), profile);
    const updatedRows = await countKnownKeys(engine, spec);
    report(context, profile, problems, updatedRows);
    await context.pause("checked");
    return {
      outcome,
      problems,
      profileFile: PROFILE_FILE,
      inferred,
      rows: profile.rows,
      updatedRows,
    };
  } finally {
    engine.close();
    await rm(spillFolder, { recursive: true, force: true });
  }
};

/** The batch and its description came apart: no fault of the data. */
function assertSchema({ batch }: CheckSpec, profile: BatchProfile): void {
  const said = batch.schema.map(({ name }) => name).sort();
  const found = profile.columns.map(({ name }) => name).sort();
  if (said.join("\n") === found.join("\n")) return;
  throw new JobError(
    `batch ${batch.id}: its schema has the columns ${said.join(", ")}; its file has ${found.join(", ")}`,
  );
}

async function findProblems(
  engine: DataEngine,
  spec: CheckSpec,
  profile: BatchProfile,
): Promise<Problem[]> {
  const { contract, dataset, acceptedPaths, batch } = spec;
  const unchecked = uncheckedColumns(dataset);
  const key = dataset.key ?? [];
  const names = new Set(profile.columns.map(({ name }) => name));
  const keyInBatch = key.every((name) => names.has(name)) ? key : [];
  const counts = await countViolations(engine, spec.batch.path, profile, contract, keyInBatch);
  const missingKey = key.filter(
    (name) => !names.has(name) && contract?.columns[name] === undefined,
  );
  const problems: Problem[] = missingKey.map((name) => ({
    column: name,
    rule: "columns",
    expected: "the column of the key",
    found: "no such column",
  }));
  const context: CheckContext = {
    key,
    unchecked,
    isPartial: batch.isPartial,
    fewestRows: null,
    written: writtenParts(dataset),
  };
  if (contract === null) {
    const accepted = await readTypes(engine, acceptedPaths);
    const found = checkWithoutContract(profile, accepted, counts.repeatedKeys, context);
    return [...problems, ...found];
  }
  const partial = new Set(spec.partialPaths);
  const whole = acceptedPaths.filter((path) => !partial.has(path));
  const fewest = fewestRows(await readRowCounts(engine, whole));
  return [
    ...problems,
    ...checkBatch(profile, contract, counts, { ...context, fewestRows: fewest }),
  ];
}

/** Of the last accepted batch; a column that is all missing there is any type's. */
async function readTypes(
  engine: DataEngine,
  paths: readonly string[],
): Promise<ReadonlyMap<string, ColumnType> | null> {
  const last = paths.at(-1);
  if (last === undefined) return null;
  const profile = await profileBatch(engine, last);
  return new Map(profile.columns.map(({ name, type }) => [name, type]));
}

async function readRowCounts(engine: DataEngine, paths: readonly string[]): Promise<number[]> {
  const counts: number[] = [];
  for (const path of paths.slice(-MAX_BATCHES)) {
    const [row] = await engine.rows(`SELECT count(*) AS n FROM ${fromParquet([path])}`);
    counts.push(Number(row?.["n"]));
  }
  return counts;
}

async function inferFirst(
  engine: DataEngine,
  { contract, dataset, acceptedPaths }: CheckSpec,
  profile: BatchProfile,
): Promise<Contract | null> {
  const inferFrom = dataset.contract?.inferFrom ?? DEFAULT_INFER_FROM;
  if (contract !== null || profile.rows === 0 || acceptedPaths.length + 1 < inferFrom) return null;
  const profiles: BatchProfile[] = [];
  const used = Math.min(acceptedPaths.length, MAX_INFER_FROM - 1);
  for (const path of used === 0 ? [] : acceptedPaths.slice(-used)) {
    profiles.push(await profileBatch(engine, path));
  }
  const options = { key: dataset.key ?? [], time: dataset.time ?? null, version: 1 };
  return inferContract([...profiles, profile], options);
}

async function writeProfile(path: string, profile: BatchProfile): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(`${JSON.stringify(profile)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

function report(
  context: JobContext,
  profile: BatchProfile,
  problems: readonly Problem[],
  updatedRows: number,
): void {
  context.metric("rows", profile.rows);
  context.metric("problems", problems.length);
  if (updatedRows > 0) {
    context.metric("updated_rows", updatedRows);
    context.log(`${updatedRows} of ${profile.rows} rows have the key of a row that landed before`);
  }
  for (const { column, rule, expected, found } of problems) {
    context.log(`${column ?? "batch"}: ${rule}: expected ${expected}; found ${found}`);
  }
}
