import { readFileSync } from "node:fs";
import type { DatasetVersion } from "../datasets/dataset-version.ts";
import type { LoadedProject } from "../project/loaded-project.ts";
import type { StoreReader } from "../store/store.ts";
import type { CandidateTable, CaptureTable, WindowTable } from "../store/tables.ts";
import { readCandidateFiles } from "./candidate-files.ts";
import type { RepositoryChampion } from "./champions.ts";
import type { PipelinesConfig } from "./pipelines-config.ts";
import type {
  BatchRow,
  Champion,
  DatasetState,
  ModelState,
  Snapshot,
  TrainingHistory,
} from "./snapshot.ts";

const DAY_MS = 86_400_000;
/** Windows and batches beyond these many are history that decides nothing any more. */
const MAX_WINDOWS = 200;
const HISTORY_BATCHES = 200;

export interface SnapshotInputs {
  readonly store: StoreReader;
  readonly project: LoadedProject;
  readonly config: PipelinesConfig;
  readonly champions: ReadonlyMap<string, RepositoryChampion>;
  readonly captureFiles: readonly string[];
  /** Model to train whatever the rules say, and a text for its key; null for none. */
  readonly forced: { readonly model: string; readonly nonce: string } | null;
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
  for (const name of Object.keys(project.project.datasets)) {
    datasets.set(name, await readDataset(store, name));
  }
  const models = new Map<string, ModelState>();
  for (const name of Object.keys(project.project.models)) {
    models.set(name, await readModel(inputs, name));
  }
  const inFlight = await readInFlight(store);
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
    labelFiles: await store
      .selectFrom("label_files")
      .selectAll()
      .orderBy("seq")
      .execute(),
  };
}

async function readDataset(store: StoreReader, name: string): Promise<DatasetState> {
  const batches = (status: BatchRow["status"]) =>
    store
      .selectFrom("batches")
      .selectAll()
      .where("dataset", "=", name)
      .where("status", "=", status)
      .orderBy("seq");
  const contract = await store
    .selectFrom("contracts")
    .selectAll()
    .where("dataset", "=", name)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  const version = await store
    .selectFrom("dataset_versions")
    .select("path")
    .where("dataset", "=", name)
    .orderBy("version", "desc")
    .limit(1)
    .executeTakeFirst();
  const landed = await batches("landed").execute();
  return {
    pulled: await batches("pulled").execute(),
    quarantined: await batches("quarantined").execute(),
    landed: landed.slice(-HISTORY_BATCHES),
    contract: contract ?? null,
    version:
      version === undefined
        ? null
        : (JSON.parse(readFileSync(version.path, "utf8")) as DatasetVersion),
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

async function readModel(inputs: SnapshotInputs, name: string): Promise<ModelState> {
  const { store, champions, forced } = inputs;
  const champion = await readChampion(store, name, champions.get(name) ?? null);
  const inFlight = await readInFlight(store);
  const windows = champion === null ? [] : await readWindows(store, name, champion.version);
  const captures = champion === null ? [] : await readCaptures(store, name, champion.version);
  return {
    champion,
    inFlight: inFlight.filter((candidate) => candidate.model === name),
    training: await readTraining(store, name, inputs.nowMs),
    unwindowed: captures.filter((capture) => capture.window_id === null),
    windows,
    windowCaptures: groupByWindow(captures),
    unscored: await readUnscored(inputs, name, champion),
    forced: forced?.model === name ? forced.nonce : null,
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

async function readCaptures(
  store: StoreReader,
  model: string,
  version: number,
): Promise<CaptureTable[]> {
  return await store
    .selectFrom("captures")
    .selectAll()
    .where("model", "=", model)
    .where("version", "=", version)
    .orderBy("first_at_ms")
    .execute();
}

function groupByWindow(captures: readonly CaptureTable[]): Map<string, CaptureTable[]> {
  const groups = new Map<string, CaptureTable[]>();
  for (const capture of captures) {
    if (capture.window_id === null) continue;
    groups.set(capture.window_id, [...(groups.get(capture.window_id) ?? []), capture]);
  }
  return groups;
}

async function readTraining(
  store: StoreReader,
  model: string,
  nowMs: number,
): Promise<TrainingHistory> {
  const runs = await store
    .selectFrom("runs")
    .select(["id", "created_at_ms", "status"])
    .where("kind", "=", "train")
    .where("subject", "=", `model:${model}`)
    .where("status", "=", "finished")
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
  const published = candidates.findIndex((candidate) => candidate.stage === "published");
  const since = published === -1 ? candidates : candidates.slice(0, published);
  return {
    lastStartedMs: runs[0]?.created_at_ms ?? null,
    lastDatasetVersion: last?.dataset_version ?? null,
    lastDatasetRows: rows,
    startedWithinDay: runs.filter((run) => run.created_at_ms > nowMs - DAY_MS).length,
    refusedInRow: since.filter((candidate) => candidate.stage === "refused").length,
  };
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

/** Batches that landed after those that the model's first version was trained on, less those scored. */
async function readUnscored(
  { store, project }: SnapshotInputs,
  model: string,
  champion: Champion | null,
): Promise<BatchRow[]> {
  const config = project.project.models[model];
  if (config?.score === undefined || champion === null) return [];
  const first = await store
    .selectFrom("candidates")
    .innerJoin("dataset_versions", (join) =>
      join
        .onRef("dataset_versions.dataset", "=", "candidates.dataset")
        .onRef("dataset_versions.version", "=", "candidates.dataset_version"),
    )
    .innerJoin("batches", "batches.id", "dataset_versions.batch_id")
    .select("batches.seq")
    .where("candidates.model", "=", model)
    .where("candidates.stage", "=", "published")
    .orderBy("candidates.version")
    .limit(1)
    .executeTakeFirst();
  return await store
    .selectFrom("batches")
    .selectAll()
    .where("dataset", "=", config.dataset)
    .where("status", "=", "landed")
    .where("seq", ">", first?.seq ?? 0)
    .where("id", "not in", (query) =>
      query.selectFrom("scored").select("batch_id").where("model", "=", model),
    )
    .orderBy("seq")
    .limit(100)
    .execute();
}
