import { readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Store } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { CandidateFiles } from "./candidate-files.ts";
import { homePaths } from "./home.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const BATCH = 500;

/** What is left of a candidate whose files are gone. */
const NO_FILES = JSON.stringify({
  features: null,
  artifact: null,
  samplePath: null,
  evaluationPath: null,
  referencePath: null,
  modelPath: null,
  goldenPath: null,
} satisfies CandidateFiles);

/** Kinds whose folders hold nothing any more that is not in the store or has a lasting name. */
const TAKEN_WHOLE = ["pull", "check", "vet", "publish", "score", "collect"];

/** Of an evaluation; what it judged by is told for as long as its run is. */
const EVIDENCE = "report.json";

/** In the folder of a train job, by SageMaker's layout (see train/job-layout.ts). */
const TRAINING_DATA = "input/data";

/** How long what is kept for people to look at. */
const KEEP = {
  folderMs: DAY_MS,
  failedFolderMs: 7 * DAY_MS,
  refusedFolderMs: 30 * DAY_MS,
  reportMs: 30 * DAY_MS,
  emptyRunMs: HOUR_MS,
  untakenMs: HOUR_MS,
} as const;

/**
 * Keeps the home from growing without bound: deletes the folders of jobs whose results were taken up,
 * those of failed runs and refused candidates after a longer time, models from incoming/ among them, and
 * the rows of looks that found nothing. Files of published candidates stay, as drift is measured against
 * them, but for the copy of the rows that they were trained on. Runs with something to tell, the report
 * of each evaluation, events and lineage stay for good.
 */
export async function expireRuns(store: Store, home: string, nowMs: number): Promise<void> {
  const refused = await refusedCandidates(store, nowMs);
  const judged = await runsOf(store, refused, ["evaluate"]);
  for (const id of judged) keepEvidence(join(home, "runs", id));
  const made = await runsOf(store, refused, ["train", "compile"]);
  for (const id of [...(await idleFolders(store, nowMs)), ...made]) {
    rmSync(join(home, "runs", id), { recursive: true, force: true });
    await store.updateTable("runs").set({ folder: null }).where("id", "=", id).execute();
  }
  // After them: what was cut short before is found again.
  await setNoFiles(store, refused);
  await dropIncoming(store, home, nowMs);
  await dropTrainingData(store, home);
  await dropEmptyRuns(store, home, nowMs);
  await dropOldSeen(store, home, nowMs);
}

async function idleFolders(store: Store, nowMs: number): Promise<string[]> {
  const done = store.selectFrom("runs").select("id").where("folder", "is not", null).limit(BATCH);
  const taken = await done
    .where("status", "=", "finished")
    .where("kind", "in", TAKEN_WHOLE)
    .where("ended_at_ms", "<", nowMs - KEEP.folderMs)
    .execute();
  const reports = await done
    .where("status", "=", "finished")
    .where("kind", "=", "observe")
    .where("ended_at_ms", "<", nowMs - KEEP.reportMs)
    .execute();
  const failed = await done
    .where("status", "=", "failed")
    .where("ended_at_ms", "<", nowMs - KEEP.failedFolderMs)
    .execute();
  return [...taken, ...reports, ...failed].map(({ id }) => id);
}

async function refusedCandidates(store: Store, nowMs: number): Promise<string[]> {
  const refused = await store
    .selectFrom("candidates")
    .select("id")
    .where("stage", "=", "refused")
    .where("updated_at_ms", "<", nowMs - KEEP.refusedFolderMs)
    .where("files_json", "<>", NO_FILES)
    .limit(BATCH)
    .execute();
  return refused.map(({ id }) => id);
}

/** Runs of the candidates that have a folder. */
async function runsOf(
  store: Store,
  candidates: readonly string[],
  kinds: readonly string[],
): Promise<string[]> {
  if (candidates.length === 0) return [];
  const runs = await store
    .selectFrom("runs")
    .innerJoin("edges", "edges.run_id", "runs.id")
    .select("runs.id")
    .where(
      "edges.subject",
      "in",
      candidates.map((id) => subjectOf.candidate(id)),
    )
    .where("runs.kind", "in", kinds)
    .where("runs.folder", "is not", null)
    .execute();
  return runs.map(({ id }) => id);
}

/** @param folder of a run, with one of each attempt in it */
function keepEvidence(folder: string): void {
  for (const attempt of listFiles(folder)) {
    for (const name of listFiles(join(folder, attempt))) {
      if (name !== EVIDENCE) rmSync(join(folder, attempt, name), { recursive: true, force: true });
    }
  }
}

async function setNoFiles(store: Store, candidates: readonly string[]): Promise<void> {
  if (candidates.length === 0) return;
  await store
    .updateTable("candidates")
    .set({ files_json: NO_FILES })
    .where("id", "in", candidates)
    .execute();
}

/**
 * Copies that no candidate has any more: of refused ones, of bytes that came again after that. The same
 * bytes may be of two candidates.
 */
async function dropIncoming(store: Store, home: string, nowMs: number): Promise<void> {
  const folder = dirname(homePaths.incoming(home, ""));
  const names = listFiles(folder);
  if (names.length === 0) return;
  const candidates = await store
    .selectFrom("candidates")
    .select("source_sha256")
    .where("origin", "=", "incoming")
    .where("files_json", "<>", NO_FILES)
    .execute();
  const needed = new Set(candidates.map(({ source_sha256 }) => source_sha256));
  for (const name of names) {
    const path = join(folder, name);
    const [sha256 = ""] = name.split(".");
    // A new one is written before there is a candidate of it.
    if (needed.has(sha256) || statSync(path).mtimeMs > nowMs - KEEP.untakenMs) continue;
    rmSync(path, { force: true });
  }
}

/** Of every attempt at the training of a published candidate: the rows are in the dataset. */
async function dropTrainingData(store: Store, home: string): Promise<void> {
  const published = await store
    .selectFrom("candidates")
    .innerJoin("runs", "runs.id", "candidates.train_run_id")
    .select("runs.id")
    .where("candidates.stage", "=", "published")
    .where("runs.folder", "is not", null)
    .execute();
  for (const { id } of published) {
    const folder = join(home, "runs", id);
    for (const attempt of listFiles(folder)) {
      rmSync(join(folder, attempt, TRAINING_DATA), { recursive: true, force: true });
    }
  }
}

/** A pull or a collect that brought nothing leaves no trace but the feed's state. */
async function dropEmptyRuns(store: Store, home: string, nowMs: number): Promise<void> {
  const empty = await store
    .selectFrom("runs")
    .select("id")
    .where("status", "=", "finished")
    .where("kind", "in", ["pull", "collect"])
    .where("ended_at_ms", "<", nowMs - KEEP.emptyRunMs)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom("events").select("seq").whereRef("events.run_id", "=", "runs.id"))),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("edges")
            .select("edges.subject")
            .whereRef("edges.run_id", "=", "runs.id")
            .where("edges.direction", "=", "out"),
        ),
      ),
    )
    .limit(BATCH)
    .execute();
  if (empty.length === 0) return;
  const ids = empty.map(({ id }) => id);
  for (const id of ids) rmSync(join(home, "runs", id), { recursive: true, force: true });
  await store.transaction().execute(async (tx) => {
    await tx.deleteFrom("edges").where("run_id", "in", ids).execute();
    await tx.deleteFrom("run_metrics").where("run_id", "in", ids).execute();
    await tx.deleteFrom("runs").where("id", "in", ids).execute();
  });
}

/** A feed's position refers to the last of these; those before are history. */
async function dropOldSeen(store: Store, home: string, nowMs: number): Promise<void> {
  const feeds = await store.selectFrom("feeds").select(["name", "seen_path"]).execute();
  for (const { name, seen_path: current } of feeds) {
    const folder = join(home, "data", ".feeds", name);
    for (const file of listFiles(folder)) {
      const path = join(folder, file);
      if (path === current || statSync(path).mtimeMs > nowMs - KEEP.emptyRunMs) continue;
      rmSync(path, { force: true });
    }
  }
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // This feed keeps nothing.
    return [];
  }
}
