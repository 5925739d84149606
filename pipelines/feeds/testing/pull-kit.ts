import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type DataEngine, fromParquet, openDataEngine } from "../../datasets/duckdb.ts";
import type { DatasetConfig, Feed } from "../../project/project.ts";
import { pull } from "../pull.ts";
import type { FeedState, PullResult, PullSpec } from "../pull-spec.ts";

type Rows = readonly Readonly<Record<string, unknown>>[];

/** Pulls as the scheduler does: each in a folder of its own, from the state that was kept. */
export interface PullKit {
  readonly folder: string;
  /** Absolute paths; as committed with the last batch. */
  state: FeedState;
  readonly logs: string[];
  env: Record<string, string>;
  /** One pull; `state` moves on unless it was refused. */
  pull(feed: Feed, dataset?: DatasetConfig, more?: Partial<PullSpec>): Promise<Pulled>;
  /** Pulls until there is no more. */
  drain(feed: Feed, dataset?: DatasetConfig, more?: Partial<PullSpec>): Promise<Pulled[]>;
  /** Awaited at the points of the pull. */
  onPause: (point: string) => Promise<void>;
  close(): void;
}

export interface Pulled {
  readonly result: PullResult;
  /** Of the Parquet file; everything as text. */
  readonly rows: Rows;
  /** The job's. */
  readonly folder: string;
}

export function createPullKit(): PullKit {
  const folder = mkdtempSync(join(tmpdir(), "sluice-feed-"));
  const kit: PullKit = {
    folder,
    state: { cursor: null, seenFile: null },
    logs: [],
    env: {},
    onPause: () => Promise.resolve(),
    async pull(feed, dataset = {}, more = {}) {
      const jobFolder = mkdtempSync(join(folder, "job-"));
      const result = await pull(specOf(kit, feed, dataset, more), {
        folder: jobFolder,
        runId: "test",
        env: kit.env,
        metric: () => undefined,
        log: (message) => void kit.logs.push(message),
        pause: (point) => kit.onPause(point),
        signal: new AbortController().signal,
      });
      if (result.outcome !== "refused") kit.state = absolute(result.state, jobFolder);
      return { result, rows: await readBatch(result, jobFolder), folder: jobFolder };
    },
    async drain(feed, dataset, more) {
      const all: Pulled[] = [];
      do all.push(await kit.pull(feed, dataset, more));
      while (all.at(-1)?.result.hasMore === true);
      return all;
    },
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
  return kit;
}

function specOf(
  kit: PullKit,
  feed: Feed,
  dataset: DatasetConfig,
  more: Partial<PullSpec>,
): PullSpec {
  const { folder: projectFolder, state } = kit;
  return {
    feedName: "orders",
    feed,
    dataset,
    projectFolder,
    hashKey: null,
    state,
    isContinued: false,
    ...more,
  };
}

function absolute(state: FeedState, folder: string): FeedState {
  return { ...state, seenFile: state.seenFile === null ? null : resolve(folder, state.seenFile) };
}

async function readBatch(result: PullResult, folder: string): Promise<Rows> {
  if (result.batch === null) return [];
  const engine: DataEngine = await openDataEngine({ folders: [folder] });
  try {
    const from = fromParquet([join(folder, result.batch.file)]);
    return (await engine.rows(`SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ${from}`)).map((row) => ({
      ...row,
    }));
  } finally {
    engine.close();
  }
}
