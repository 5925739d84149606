import { mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import type { PredictionRecord } from "../../protocols/capture/capture-record.ts";
import { type DataEngine, openDataEngine } from "../datasets/duckdb.ts";
import type { JobContext, JobWork } from "../jobs/job.ts";
import { readJobRedisUrl } from "../jobs/job-env.ts";
import { JobError } from "../jobs/job-error.ts";
import { CollectLabels } from "./collect-labels.ts";
import { readLines } from "./collect-lines.ts";
import { parseCaptureRecord } from "./collect-record.ts";
import { collectRows } from "./collect-rows.ts";
import { readStream } from "./collect-stream.ts";
import { CollectTable } from "./collect-table.ts";
import type { CollectedFile, CollectResult, CollectSpec } from "./observe-spec.ts";

const LABELS_FILE = "labels.parquet";

/**
 * Takes captured records into one Parquet file a model version and one of labels. Files are taken
 * whole, and no further one once `maxRecords` lines are read; a stream ends at `maxRecords` entries.
 * Of a stream without new entries `lastId` is the id that it was read after. The same records give
 * the same rows in the same order. Pauses at "written", before the result.
 */
export const collect: JobWork<"collect"> = async (spec, context) => {
  assertSource(spec);
  const spillFolder = join(context.folder, "spill");
  await mkdir(spillFolder, { recursive: true });
  const engine = await openDataEngine({ folders: [context.folder], spillFolder });
  try {
    const collector = await Collector.create(engine);
    const takenFiles = await takeFiles(spec, collector, context.signal);
    const lastId = await takeStream(spec, collector, context);
    const predictions = await collector.writePredictions(context);
    const labelRows = await collector.labels.write(join(context.folder, LABELS_FILE));
    context.metric("records", collector.lines - collector.unreadable);
    context.metric("unreadable", collector.unreadable);
    await context.pause("written");
    return {
      predictions,
      labels: labelRows === 0 ? null : { file: LABELS_FILE, rows: labelRows },
      unreadable: collector.unreadable,
      lastId,
      takenFiles,
    } satisfies CollectResult;
  } finally {
    engine.close();
    await rm(spillFolder, { recursive: true, force: true });
  }
};

function assertSource({ captureFiles, stream, maxRecords }: CollectSpec): void {
  if ((captureFiles === null) === (stream === null)) {
    throw new JobError("records come from capture files or from a stream: one of the two");
  }
  if (!(maxRecords >= 1)) throw new JobError(`maxRecords is at least 1, not ${maxRecords}`);
}

async function takeFiles(
  { captureFiles, maxRecords }: CollectSpec,
  collector: Collector,
  signal: AbortSignal,
): Promise<string[]> {
  const taken: string[] = [];
  for (const path of captureFiles ?? []) {
    if (collector.lines >= maxRecords) break;
    try {
      for await (const line of readLines(path)) {
        signal.throwIfAborted();
        await collector.take(line);
      }
    } catch (error) {
      if (!isMissingFile(error)) throw error;
      throw new JobError(`capture file ${basename(path)} is gone; list them again`, true);
    }
    taken.push(path);
  }
  return taken;
}

function isMissingFile(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

async function takeStream(
  { stream, maxRecords }: CollectSpec,
  collector: Collector,
  { env, signal }: JobContext,
): Promise<string | null> {
  if (stream === null) return null;
  const redisUrl = readJobRedisUrl(env);
  if (redisUrl === null) {
    throw new JobError(`the stream '${stream.name}' needs a Redis URL, and there is none`);
  }
  let lastId = stream.afterId;
  for await (const { id, record } of readStream({ ...stream, redisUrl }, maxRecords)) {
    signal.throwIfAborted();
    await collector.take(record);
    lastId = id;
  }
  return lastId;
}

interface Group {
  readonly model: string;
  readonly version: number;
  readonly table: CollectTable;
}

/** Sorts records by model and version. */
class Collector {
  readonly labels: CollectLabels;
  readonly #engine: DataEngine;
  readonly #groups = new Map<string, Group>();
  #lines = 0;
  #unreadable = 0;
  #rows = 0;

  private constructor(engine: DataEngine, labels: CollectLabels) {
    this.#engine = engine;
    this.labels = labels;
  }

  static async create(engine: DataEngine): Promise<Collector> {
    return new Collector(engine, await CollectLabels.create(engine));
  }

  get lines(): number {
    return this.#lines;
  }

  get unreadable(): number {
    return this.#unreadable;
  }

  /** @param line null: what was there cannot be one */
  async take(line: string | null): Promise<void> {
    this.#lines += 1;
    const record = line === null ? null : parseCaptureRecord(line);
    if (record === null) this.#unreadable += 1;
    else if (record.kind === "label") this.labels.append(record);
    else await this.#takePrediction(record);
  }

  /** Files by model and version, in that order; says which inputs were left out. */
  async writePredictions(context: JobContext): Promise<CollectedFile[]> {
    const files: CollectedFile[] = [];
    const groups = [...this.#groups.values()].sort(compareGroups);
    for (const { model, version, table } of groups) {
      const file = `predictions-${model}-${version}.parquet`;
      const written = await table.write(join(context.folder, file));
      for (const [input, reason] of table.refused) {
        context.log(`${model} version ${version}: input '${input}' is left out: it ${reason}`);
      }
      if (table.unpredicted > 0) {
        context.log(
          `${model} version ${version}: no output of ${table.unpredicted} records has one number a row; their prediction is missing`,
        );
      }
      if (written !== null) files.push({ model, version, file, ...written });
    }
    return files;
  }

  async #takePrediction(record: PredictionRecord): Promise<void> {
    const key = `${record.model}/${record.version}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      const table = await CollectTable.create(this.#engine, `predictions:${key}`);
      group = { model: record.model, version: record.version, table };
      this.#groups.set(key, group);
    }
    const rows = collectRows(record);
    await group.table.append(record, rows, this.#rows);
    this.#rows += rows.rows;
  }
}

function compareGroups(a: Group, b: Group): number {
  if (a.model !== b.model) return a.model < b.model ? -1 : 1;
  return a.version - b.version;
}
