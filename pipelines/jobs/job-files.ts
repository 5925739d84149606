import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { JobFile, JobKind, Jobs } from "./job.ts";
import { JobError } from "./job-error.ts";

const JOB_FILE = "job.json";
const RESULT_FILE = "result.json";
const FAILURE_FILE = "failure.json";

/** What a job leaves when it could not do its work. */
export interface Failure {
  readonly message: string;
  readonly isTransient: boolean;
}

/** Makes the folder of one attempt, with its job.json. */
export function writeJob<K extends JobKind>(folder: string, job: JobFile<K>): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeWhole(join(folder, JOB_FILE), job);
}

/** @throws JobError when it is not there or was written for another kind or schema */
export function readJob<K extends JobKind>(folder: string, kind: K): JobFile<K> {
  const job = readJson(join(folder, JOB_FILE)) as JobFile<K> | null;
  if (job === null) throw new JobError(`${folder}: expected a readable job.json`);
  if (job.schemaVersion !== 1 || job.kind !== kind) {
    throw new JobError(
      `${folder}/job.json: expected kind '${kind}' of schema 1, got '${job.kind}' of schema ${job.schemaVersion}`,
    );
  }
  return job;
}

/** The last thing that a job does: until then it did nothing. */
export function writeResult<K extends JobKind>(folder: string, result: Jobs[K]["result"]): void {
  writeWhole(join(folder, RESULT_FILE), result);
}

/** null: the job did not get so far. */
export function readResult<K extends JobKind>(folder: string): Jobs[K]["result"] | null {
  return readJson(join(folder, RESULT_FILE)) as Jobs[K]["result"] | null;
}

export function writeFailure(folder: string, failure: Failure): void {
  writeWhole(join(folder, FAILURE_FILE), failure);
}

/** null: it ended without a word. */
export function readFailure(folder: string): Failure | null {
  return readJson(join(folder, FAILURE_FILE)) as Failure | null;
}

/** There whole or not at all, and on the disk before the name is. */
function writeWhole(path: string, value: unknown): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, "w", 0o600);
  try {
    // Unlike writeSync, all of it or an error.
    writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new JobError(
      `${path}: cannot be read (${error instanceof Error ? error.message : error})`,
    );
  }
}
