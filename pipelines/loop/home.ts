import { join } from "node:path";

/** Where the life keeps its files, under the home. */
export const homePaths = {
  attempt: (home: string, runId: string, attempt: number) =>
    join(home, "runs", runId, String(attempt)),
  batch: (home: string, dataset: string, batchId: string) =>
    join(home, "data", dataset, "batches", `${batchId}.parquet`),
  profile: (home: string, dataset: string, batchId: string) =>
    join(home, "data", dataset, "batches", `${batchId}.profile.json`),
  datasetVersion: (home: string, dataset: string, version: number) =>
    join(home, "data", dataset, "versions", `${version}.json`),
  seen: (home: string, feed: string, runId: string) =>
    join(home, "data", ".feeds", feed, `${runId}.seen`),
  capture: (home: string, model: string, id: string) =>
    join(home, "data", ".captures", model, `${id}.parquet`),
  labels: (home: string, id: string) => join(home, "data", ".labels", `${id}.parquet`),
  /** Copies of what the repository holds. */
  version: (home: string, model: string, version: number, file: string) =>
    join(home, "versions", model, String(version), file),
  incoming: (home: string, sha256: string) => join(home, "incoming", `${sha256}.onnx`),
} as const;
