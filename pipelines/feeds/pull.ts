import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { type DataEngine, openDataEngine, quoteName, quoteText } from "../datasets/duckdb.ts";
import type { JobContext, JobWork } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import { explainNoRoom } from "../jobs/no-room.ts";
import { readSecretRef } from "../project/read-secret.ts";
import { isHidden, type PlannedColumn, planColumns, treatmentIn } from "./column-plan.ts";
import {
  type FeedMemory,
  type KnownColumn,
  keyCheckOf,
  readMemory,
  SEEN_FILE,
  writeMemory,
} from "./feed-memory.ts";
import { filesFolder, readFiles } from "./files-source.ts";
import type { Intake, IntakeRequest, ReadIntake } from "./intake.ts";
import { sha256OfFile } from "./list-files.ts";
import { readPostgres } from "./postgres-source.ts";
import type { PulledBatch, PullResult, PullSpec } from "./pull-spec.ts";
import { readRest } from "./rest-source.ts";
import { surveyColumns } from "./survey-columns.ts";
import { loadHashKey } from "./treat-sql.ts";

/** Name in the job's folder. */
const BATCH_FILE = "batch.parquet";

const READERS: Readonly<Record<PullSpec["feed"]["connector"]["kind"], ReadIntake>> = {
  files: readFiles,
  postgres: readPostgres,
  rest: readRest,
};

/**
 * Reads what is new from a feed's source, treats its columns and writes one Parquet file. Untreated
 * values are in memory only (the engine may not spill). Exactly once: the result's state and its batch
 * belong together, and a pull that starts from the same state reads the same rows again.
 * Pauses at "read" (rows in memory) and "written" (Parquet and seen file on disk).
 * `state` is the spec's own for "refused", else new, its seen file in the folder.
 */
export const pull: JobWork<"pull"> = async (spec, context) => {
  const hashKey =
    spec.hashKey === null ? null : readSecretRef(spec.hashKey, context.env, spec.projectFolder);
  assertHashKey(spec, hashKey);
  const memory = await readMemory(spec.state.seenFile);
  assertSameSource(spec, memory, hashKey);
  const engine = await openDataEngine({ folders: foldersOf(spec, context) });
  try {
    if (hashKey !== null) {
      await loadHashKey(engine, hashKey, (bytes) => createHash("sha256").update(bytes).digest());
    }
    return await readAndLand(requestOf(spec, context, engine, memory, hashKey));
  } catch (error) {
    throw explainEngineError(error);
  } finally {
    engine.close();
  }
};

/**
 * When the rows of several files do not go through, each is read alone: the one whose rows still do
 * not is refused, and the others go on.
 */
async function readAndLand(request: IntakeRequest): Promise<PullResult> {
  const { spec, context } = request;
  const blamed = new Map<string, string>();
  let most = Number.POSITIVE_INFINITY;
  for (;;) {
    const intake = await READERS[spec.feed.connector.kind]({ ...request, files: { most, blamed } });
    await context.pause("read");
    try {
      return await landIntake(request, intake);
    } catch (thrown) {
      const error = explainEngineError(thrown);
      const [file] = intake.fileNames;
      if (!(error instanceof JobError) || error.isTransient || file === undefined) throw error;
      if (intake.fileNames.length === 1) blamed.set(file, error.message);
      most = 1;
    }
  }
}

function assertHashKey({ feed }: PullSpec, hashKey: string | null): void {
  const hashed = Object.entries(feed.sanitise ?? {}).filter(
    ([, treatment]) => treatment === "hash",
  );
  if (hashKey !== null || hashed.length === 0) return;
  const names = hashed.map(([name]) => name).join(", ");
  throw new JobError(`sanitise hashes ${names}, but the project has no hashKey`);
}

function assertSameSource({ feed }: PullSpec, memory: FeedMemory, hashKey: string | null): void {
  const { content, keyCheck } = memory;
  if (content === null) return;
  const kind = feed.connector.kind === "files" ? "files" : "rows";
  if (content.kind !== kind) {
    throw new JobError(
      `the feed's state is of a connector of ${content.kind}, the feed now reads ${kind}: give it a new name`,
    );
  }
  if (content.kind === "rows" && keyCheck !== keyCheckOf(hashKey)) {
    throw new JobError(
      "hashKey is not the one of the last pull: rows within the lag cannot be told apart; set it back, or give the feed a new name",
    );
  }
}

function foldersOf({ feed, projectFolder }: PullSpec, context: JobContext): string[] {
  const { connector } = feed;
  return connector.kind === "files"
    ? [context.folder, filesFolder(connector, projectFolder)]
    : [context.folder];
}

function requestOf(
  spec: PullSpec,
  context: JobContext,
  engine: DataEngine,
  memory: FeedMemory,
  hashKey: string | null,
): IntakeRequest {
  const sanitise = spec.feed.sanitise ?? {};
  const hidden = Object.keys(sanitise).filter((name) => isHidden(treatmentIn(sanitise, name)));
  const texts = memory.columns.filter(({ type }) => type === "text").map(({ name }) => name);
  return {
    spec,
    context,
    engine,
    memory,
    hashKey,
    verbatim: new Set([...hidden, ...texts, ...Object.keys(spec.dataset.types ?? {})]),
    treatmentOf: (column) => treatmentIn(sanitise, column),
    files: { most: Number.POSITIVE_INFINITY, blamed: new Map() },
  };
}

async function landIntake(request: IntakeRequest, intake: Intake): Promise<PullResult> {
  const { spec, context, engine } = request;
  const { hasMore, refused } = intake;
  if (intake.rows === 0) {
    const state = await remember(request, intake, request.memory.columns);
    await intake.settle();
    return { outcome: "empty", batch: null, state, hasMore, problems: [], refusedFiles: refused };
  }
  const columns = planColumns({
    columns: intake.columns,
    known: request.memory.columns,
    declared: spec.dataset.types ?? {},
    sanitise: spec.feed.sanitise ?? {},
    empty: await findEmpty(engine, intake),
  });
  const problems = await surveyColumns(engine, intake.from, columns, spec.feedName);
  if (problems.length > 0) {
    // Files that were refused are found again: their memory does not move either.
    return {
      outcome: "refused",
      batch: null,
      state: spec.state,
      hasMore: false,
      problems,
      refusedFiles: [],
    };
  }
  const batch = await writeBatch(request, intake, columns);
  const state = await remember(request, intake, knownAfter(request, intake, columns));
  await intake.settle();
  await context.pause("written");
  context.metric("rows", batch.rows);
  context.metric("bytes", batch.bytes);
  return { outcome: "batch", batch, state, hasMore, problems: [], refusedFiles: refused };
}

async function findEmpty(engine: DataEngine, { columns, from }: Intake): Promise<Set<string>> {
  const counts = columns.map(({ sql }, index) => `count(${sql}) AS n${index}`);
  const [row] = await engine.rows(`SELECT ${counts.join(", ")} FROM ${from}`);
  return new Set(columns.filter((_, i) => row?.[`n${i}`] === 0n).map(({ name }) => name));
}

async function writeBatch(
  { spec, context, engine }: IntakeRequest,
  intake: Intake,
  columns: readonly PlannedColumn[],
): Promise<PulledBatch> {
  const path = join(context.folder, BATCH_FILE);
  const fields = columns.map(({ sql, schema }) => `${sql} AS ${quoteName(schema.name)}`);
  const [written] = await engine.rows(
    `COPY (SELECT ${fields.join(", ")} FROM ${intake.from}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION zstd)`,
  );
  if (Number(written?.["Count"]) !== intake.rows) {
    throw new JobError("the source changed while it was read", true);
  }
  const sanitise = spec.feed.sanitise ?? {};
  return {
    file: BATCH_FILE,
    ...(await syncAndHash(path)),
    rows: intake.rows,
    isPartial: (intake.hasMore || spec.isContinued) && intake.fileNames.length !== 1,
    schema: columns.map(({ schema }) => schema),
    treatments: Object.fromEntries(
      intake.columns.map(({ name }) => [name, treatmentIn(sanitise, name)]),
    ),
  };
}

async function syncAndHash(path: string): Promise<{ sha256: string; bytes: number }> {
  const file = await open(path, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  return { sha256: await sha256OfFile(path), bytes: (await stat(path)).size };
}

function knownAfter(
  { memory, treatmentOf }: IntakeRequest,
  intake: Intake,
  columns: readonly PlannedColumn[],
): KnownColumn[] {
  const types = new Map(columns.map(({ schema }) => [schema.name, schema.type]));
  const came = new Map(
    intake.columns.map(({ name }) => [
      name,
      { name, type: isHidden(treatmentOf(name)) ? null : (types.get(name) ?? null) },
    ]),
  );
  const before = memory.columns.map((column) => came.get(column.name) ?? column);
  const names = new Set(memory.columns.map(({ name }) => name));
  return [...before, ...[...came.values()].filter(({ name }) => !names.has(name))];
}

async function remember(
  { context, hashKey }: IntakeRequest,
  { content, cursor }: Intake,
  columns: readonly KnownColumn[],
): Promise<PullResult["state"]> {
  const keyCheck = keyCheckOf(hashKey);
  await writeMemory(join(context.folder, SEEN_FILE), { columns, keyCheck, content });
  return { cursor, seenFile: SEEN_FILE };
}

/** The engine quotes rows in errors about values: those words are not passed on. */
function explainEngineError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const noRoom = explainNoRoom(error);
  if (noRoom !== null) return noRoom;
  const [, kind] = /^(Out of Memory|Conversion|Invalid Input|IO) Error/.exec(error.message) ?? [];
  if (kind === undefined) return error;
  if (kind === "Out of Memory") {
    return new JobError("the batch does not fit into memory: lower the feed's batchRows");
  }
  return new JobError(`the data engine could not read the rows: ${kind} Error`);
}
