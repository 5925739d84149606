import type { WatchedWindow } from "../../monitors/watched-window.ts";
import type { Feed, ModelConfig, Project } from "../../project/project.ts";
import type { CandidateTable, WindowTable } from "../../store/tables.ts";
import type { CandidateFiles } from "../candidate-files.ts";
import type { BatchRow, Champion, DatasetState, ModelState, Snapshot } from "../snapshot.ts";

/** Hand-made parts of a Snapshot, for tests of planning: one feed, one dataset, one model. */

export const NOW_MS = Date.UTC(2026, 0, 10, 12);

export const FEED: Feed = {
  dataset: "orders",
  connector: { kind: "files", path: "in/*.csv", format: "csv" },
  everySecs: 60,
  batchRows: 1000,
};

export const MODEL: ModelConfig = {
  dataset: "orders",
  target: "late",
  task: "binary",
  features: ["distance"],
  trainer: {
    kind: "gradientBoosting",
    trees: 10,
    learningRate: 0.1,
    maxLeaves: 7,
    minLeafRows: 20,
    l2: 1,
    rowRatio: 1,
    columnRatio: 1,
    earlyStoppingRounds: 0,
    seed: 1,
  },
  minRows: 100,
  monitor: {
    windowRows: 200,
    distance: 0.1,
    pValue: 0.05,
    k: 2,
    n: 3,
    performance: { maxDrop: 0.05, coverage: 0.8 },
  },
};

export function makeProject(change: Partial<Project> = {}): Project {
  return {
    schemaVersion: 1,
    project: "shop",
    feeds: { orders: FEED },
    datasets: { orders: { time: "at", key: ["id"] } },
    models: { delay: MODEL },
    outlets: {},
    rules: [],
    labels: {},
    ...change,
  };
}

export function makeSnapshot(change: Partial<Snapshot> = {}): Snapshot {
  return {
    nowMs: NOW_MS,
    project: { project: makeProject(), file: "/p/sluice.yaml", folder: "/p", sha256: "p1" },
    config: {
      home: "/h",
      host: "127.0.0.1",
      insecure: false,
      keysFile: null,
      modelRepository: "/h/models",
      redisUrl: null,
      logLevel: "info",
      captureFolder: "/h/capture",
      captureStream: null,
      projectFile: "/p/sluice.yaml",
      pipelinesPort: 0,
      pipelinesMetricsPort: 0,
      trainerCommands: [],
      jobConcurrency: 1,
      jobTimeoutSecs: 60,
    },
    active: [],
    feeds: new Map(),
    datasets: new Map([["orders", makeDataset()]]),
    models: new Map([["delay", makeModel()]]),
    strangers: [],
    captureFiles: [],
    streamId: "0-0",
    labelFiles: [],
    hasIndex: true,
    askedPulls: new Map(),
    ...change,
  };
}

export function makeBatch(id: string, change: Partial<BatchRow> = {}): BatchRow {
  return {
    seq: 1,
    id,
    dataset: "orders",
    origin: "orders",
    status: "pulled",
    path: `/h/${id}.parquet`,
    sha256: id,
    bytes: 10,
    rows: 100,
    schema_json: "[]",
    treatments_json: "{}",
    profile_path: null,
    problems_json: null,
    checked_contract: null,
    checked_rules: null,
    is_partial: 0,
    run_id: id,
    created_at_ms: NOW_MS,
    ...change,
  };
}

export function makeDataset(change: Partial<DatasetState> = {}): DatasetState {
  return { pulled: [], releasable: [], landed: [], contract: null, version: null, ...change };
}

/** A dataset whose latest version has so many rows, with a batch that landed now. */
export function withRows(rows: number, version = 1): DatasetState {
  return makeDataset({
    landed: [makeBatch("a", { status: "landed" })],
    version: { version, rows, updatedRows: 0 },
  });
}

export function makeModel(change: Partial<ModelState> = {}): ModelState {
  return {
    champion: null,
    inFlight: [],
    training: {
      lastStartedMs: null,
      lastDatasetVersion: null,
      lastDatasetRows: 0,
      startedWithinDay: 0,
      hasPublished: false,
      failedInRow: 0,
      refusedInRow: 0,
    },
    unwindowed: [],
    windows: [],
    lateWindow: null,
    unscored: [],
    forced: null,
    ...change,
  };
}

const FILES: CandidateFiles = {
  features: [{ name: "distance", kind: "number" }],
  artifact: { kind: "trees", file: "/h/trees.json" },
  samplePath: "/h/sample.parquet",
  evaluationPath: "/h/evaluation.parquet",
  referencePath: "/h/reference.parquet",
  modelPath: "/h/model.onnx",
  goldenPath: null,
};

export function makeCandidate(change: Partial<CandidateTable> = {}): CandidateTable {
  return {
    id: "train-1",
    model: "delay",
    origin: "trained",
    stage: "trained",
    refused_by: null,
    reason: null,
    train_run_id: "train-1",
    source_sha256: null,
    dataset: "orders",
    dataset_version: 1,
    files_json: JSON.stringify(FILES),
    evaluation_json: null,
    opponent_version: null,
    version: null,
    created_at_ms: NOW_MS,
    updated_at_ms: NOW_MS,
    ...change,
  };
}

export function makeChampion(version: number): Champion {
  return {
    version,
    modelPath: `/h/versions/${version}/model.onnx`,
    manifestPath: `/h/versions/${version}/manifest.json`,
    candidate: makeCandidate({ stage: "published", version }),
    files: FILES,
  };
}

export function makeWindow(number: number, result: Partial<WatchedWindow>): WindowTable {
  const whole: WatchedWindow = {
    rows: 200,
    firstAtMs: NOW_MS - 1000,
    lastAtMs: NOW_MS,
    drift: [],
    alertColumns: [],
    isDegradationAlert: false,
    performance: null,
    ...result,
  };
  return {
    id: `window-${number}`,
    model: "delay",
    version: 1,
    number,
    rows: 200,
    first_at_ms: NOW_MS - 1000,
    last_at_ms: NOW_MS,
    result_json: JSON.stringify(whole),
    run_id: "r",
    label_seq: 0,
    looked_at_ms: NOW_MS,
    created_at_ms: NOW_MS,
  };
}
