import type { DataEngine } from "../datasets/duckdb.ts";
import type { JobContext } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import type { ColumnType, Treatment } from "../project/project.ts";
import type { FeedMemory, MemoryContent } from "./feed-memory.ts";
import type { PullSpec, RefusedFile } from "./pull-spec.ts";

/** A column as its source gave it. */
export interface RawColumn {
  readonly name: string;
  /** Reads it from the intake's rows; `NULL` for a column that was not asked for. */
  readonly sql: string;
  /** The data engine's own type of `sql`, as DESCRIBE says it. */
  readonly engineType: string;
  /** Unless the dataset declares another. */
  readonly type: ColumnType;
}

/** What a connector hands over: the rows that are new, untreated, readable only by the data engine. */
export interface Intake {
  /** What stands after FROM: a table in memory, or the source's own files. */
  readonly from: string;
  /** Every column that came, dropped ones too. */
  readonly columns: readonly RawColumn[];
  readonly rows: number;
  readonly hasMore: boolean;
  /** Of the state after these rows. */
  readonly cursor: string | null;
  readonly content: MemoryContent;
  /** Names of the files that the rows are in; empty for a source of rows. */
  readonly fileNames: readonly string[];
  /** Files that this reading refused; `content` remembers them. */
  readonly refused: readonly RefusedFile[];
  /** Rejects with a transient JobError if the source changed under the reader. */
  settle(): Promise<void>;
}

/** What a source of files is told when its rows did not go through. */
export interface FileLimits {
  /** Most files of one batch: with one, what goes wrong is that file's. */
  readonly most: number;
  /** Names of files whose rows did not go through, and why: they are refused. */
  readonly blamed: ReadonlyMap<string, string>;
}

export interface IntakeRequest {
  readonly spec: PullSpec;
  readonly context: JobContext;
  readonly engine: DataEngine;
  readonly memory: FeedMemory;
  readonly hashKey: string | null;
  /** Columns whose text must arrive as it is written: declared, treated, or text before. */
  readonly verbatim: ReadonlySet<string>;
  treatmentOf(column: string): Treatment;
  readonly files: FileLimits;
}

/** Reads what is new. Rejects with JobError; transient when the other side was away. */
export type ReadIntake = (request: IntakeRequest) => Promise<Intake>;

/** @throws JobError once the job was asked to stop */
export function assertRunning(signal: AbortSignal): void {
  if (signal.aborted) throw new JobError("the job was asked to stop", true);
}
