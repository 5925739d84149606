import type { LoadedProject } from "../project/loaded-project.ts";
import { readAsks } from "../store/asks.ts";
import type { StoreReader } from "../store/store.ts";
import { subjectOf } from "../store/subject.ts";
import type { CandidateTable, WindowTable } from "../store/tables.ts";
import { readCandidateFiles } from "./candidate-files.ts";
import type { RepositoryChampion } from "./champions.ts";
import type { PipelinesConfig } from "./pipelines-config.ts";
import { ASKED_FOR } from "./planned-run.ts";
import { readLateWindow, readUnwindowed } from "./read-captures.ts";
import { readDataset } from "./read-dataset.ts";
import { readUnscored } from "./read-unscored.ts";
import type { KnownChampions } from "./repository-view.ts";
import type { Champion, DatasetState, ModelState, Snapshot, TrainingHistory } from "./snapshot.ts";

const DAY_MS = 86_400_000;
/** Windows beyond these many are history that decides nothing any more. */
const MAX_WINDOWS = 200;

export interface SnapshotInputs {
  readonly store: StoreReader;
  readonly project: LoadedProject;
  readonly config: PipelinesConfig;
  readonly champions: KnownChampions;
  /** See RepositoryView. */
  readonly hasIndex: boolean;
  readonly captureFiles: readonly string[];
  readonly nowMs: number;
}

/** The feed row under which the position in the capture stream is kept. */
export const STREAM_FEED = "~capture";

export async function readSnapshot(inputs: SnapshotInputs): Promise<Snapshot> {
  const { store, project, config, nowMs } = inputs;
  const feeds = await store.selectFrom("feeds").selectAll().execute();
  const active = await store
    .selectFrom("runs")
    .select(["kind", "subject", "key"])
    .where("status", "in", ["queued", "running"])
    .execute();
  const datasets = new Map<string, DatasetState>();
  for (const [name, dataset] of Object.entries(project.project.datasets)) {
    datasets.set(name, await readDataset(store, name, dataset));
  }
  const models = new Map<string, ModelState>();
  const asks = await readAsks(store);
  const inFlight = await readInFlight(store);
  const labelFiles = await store.selectFrom("label_files").selectAll().orderBy("seq").execute();
  const shared = { inFlight, labelSeq: labelFiles.at(-1)?.seq ?? 0 };
  for (const name of Object.keys(project.project.models)) {
    const forced = asks.get(subjectOf.model(name)) ?? null;
    models.set(name, await readModel(inputs, name, forced, shared));
  }
  return {
    nowMs,
    project,
    config,
    active,
    feeds: new Map(feeds.map((feed) => [feed.name, feed])),
    datasets,
    models,
    strangers: inFlight.filter((candidate) => !models.has(candidate.model)),
    captureFiles: inputs.captureFiles,
    streamId: feeds.find((feed) => feed.name === STREAM_FEED)?.cursor ?? "0-0",
    labelFiles,
    hasIndex: inputs.hasIndex,
    askedPulls: new Map(
      Object.keys(project.project.feeds).flatMap((name) => {
        const nonce = asks.get(subjectOf.feed(name));
        return nonce === undefined ? [] : [[name, nonce] as const];
      }),
    ),
  };
}

async function readInFlight(store: StoreReader): Promise<CandidateTable[]> {
  return await store
    .selectFrom("candidates")
    .selectAll()
    .where("stage", "not in", ["published", "refused"])
    .orderBy("created_at_ms")
    .execute();
}

async function readModel(
  inputs: SnapshotInputs,
  name: string,
  forced: string | null,
  {
    inFlight,
    labelSeq,
  }: { readonly inFlight: readonly CandidateTable[]; readonly labelSeq: number },
): Promise<ModelState> {
  const { store, champions } = inputs;
  const found = champions.get(name) ?? (champions.has(name) ? null : "unknown");
  const champion = found === "unknown" ? null : await readChampion(store, name, found);
  const scored = inputs.project.project.models[name];
  const windows = champion === null ? [] : await readWindows(store, name, champion.version);
  return {
    champion: found === "unknown" ? found : champion,
    inFlight: inFlight.filter((candidate) => candidate.model === name),
    training: await readTraining(store, name, inputs.nowMs),
    windows,
    ...(await readWatched(inputs, name, champion, windows, labelSeq)),
    unscored:
      scored?.score === undefined || champion === null
        ? []
        : await readUnscored(store, scored.dataset, name, champion.version),
    forced,
  };
}

async function readWatched(
  { store, project, nowMs }: SnapshotInputs,
  model: string,
  champion: Champion | null,
  windows: readonly WindowTable[],
  labelSeq: number,
): Promise<Pick<ModelState, "unwindowed" | "lateWindow">> {
  const config = project.project.models[model];
  if (champion === null || config?.monitor === undefined)
    return { unwindowed: [], lateWindow: null };
  return {
    unwindowed: await readUnwindowed(store, model, champion.version),
    lateWindow: await readLateWindow(store, windows, config, labelSeq, nowMs),
  };
}

async function readChampion(
  store: StoreReader,
  model: string,
  found: RepositoryChampion | null,
): Promise<Champion | null> {
  if (found === null) return null;
  const candidate = await store
    .selectFrom("candidates")
    .selectAll()
    .where("model", "=", model)
    .where("version", "=", found.version)
    .executeTakeFirst();
  return {
    ...found,
    candidate: candidate ?? null,
    files: candidate === undefined ? null : readCandidateFiles(candidate.files_json),
  };
}

async function readWindows(
  store: StoreReader,
  model: string,
  version: number,
): Promise<WindowTable[]> {
  const rows = await store
    .selectFrom("windows")
    .selectAll()
    .where("model", "=", model)
    .where("version", "=", version)
    .orderBy("number", "desc")
    .limit(MAX_WINDOWS)
    .execute();
  return rows.reverse();
}

async function readTraining(
  store: StoreReader,
  model: string,
  nowMs: number,
): Promise<TrainingHistory> {
  const runs = await store
    .selectFrom("runs")
    .select(["id", "created_at_ms", "status", "reason"])
    .where("kind", "=", "train")
    .where("subject", "=", subjectOf.model(model))
    .where("status", "in", ["finished", "failed"])
    .orderBy("created_at_ms", "desc")
    .limit(1000)
    .execute();
  const candidates = await store
    .selectFrom("candidates")
    .select(["stage", "dataset", "dataset_version", "train_run_id"])
    .where("model", "=", model)
    .where("origin", "=", "trained")
    .orderBy("created_at_ms", "desc")
    .execute();
  const last = candidates[0];
  const rows =
    last === undefined || last.dataset === null || last.dataset_version === null
      ? 0
      : await rowsOf(store, last.dataset, last.dataset_version);
  const asked = new Set(runs.filter((run) => run.reason === ASKED_FOR).map((run) => run.id));
  const finished = runs.findIndex((run) => run.status === "finished");
  return {
    lastStartedMs: runs[0]?.created_at_ms ?? null,
    lastDatasetVersion: last?.dataset_version ?? null,
    lastDatasetRows: rows,
    startedWithinDay: runs.filter(
      ({ created_at_ms }) => created_at_ms > nowMs - DAY_MS && created_at_ms <= nowMs,
    ).length,
    hasPublished: await hasPublished(store, model),
    failedInRow: finished === -1 ? runs.length : finished,
    refusedInRow: countRefused(candidates, asked),
  };
}

async function hasPublished(store: StoreReader, model: string): Promise<boolean> {
  const found = await store
    .selectFrom("candidates")
    .select("id")
    .where("model", "=", model)
    .where("stage", "=", "published")
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

/** Back to the last that was published; to that of the last training that was asked for, with it. */
function countRefused(
  newestFirst: readonly Pick<CandidateTable, "stage" | "train_run_id">[],
  askedRuns: ReadonlySet<string>,
): number {
  let refused = 0;
  for (const { stage, train_run_id } of newestFirst) {
    if (stage === "published") break;
    if (stage === "refused") refused += 1;
    if (train_run_id !== null && askedRuns.has(train_run_id)) break;
  }
  return refused;
}

async function rowsOf(store: StoreReader, dataset: string, version: number): Promise<number> {
  const found = await store
    .selectFrom("dataset_versions")
    .select("rows")
    .where("dataset", "=", dataset)
    .where("version", "=", version)
    .executeTakeFirst();
  return found?.rows ?? 0;
}
