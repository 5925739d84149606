import type { ColumnSchema } from "../datasets/column.ts";
import type { DatasetConfig, Feed, SecretRef } from "../project/project.ts";

/** How far a feed has been read; committed together with the batch. */
export interface FeedState {
  /** Highest cursor value so far, as text that the source orders; null before the first row. */
  readonly cursor: string | null;
  /** Absolute path of what must not be read twice (names of files, hashes of keys within the lag); null for nothing. */
  readonly seenFile: string | null;
}

export interface PullSpec {
  readonly feedName: string;
  readonly feed: Feed;
  readonly dataset: DatasetConfig;
  /** Relative paths of the project start here. Absolute. */
  readonly projectFolder: string;
  readonly hashKey: SecretRef | null;
  readonly state: FeedState;
  /** The pull before left rows waiting: this one goes on with the same answer. */
  readonly isContinued: boolean;
}

export interface PullResult {
  /** refused: personal data in a column that nobody decided about; nothing was written, nothing moved. */
  readonly outcome: "batch" | "empty" | "refused";
  /** Set for "batch". */
  readonly batch: PulledBatch | null;
  /** Where the next pull starts. `seenFile` is relative to the folder. */
  readonly state: FeedState;
  /** More rows are waiting: pull again at once. */
  readonly hasMore: boolean;
  /** Why it was refused, one line a column, without values. */
  readonly problems: readonly string[];
  /** Files that cannot be taken; the others are. Each is told once, and tried again when its content or the project's rules for it change. */
  readonly refusedFiles: readonly RefusedFile[];
}

export interface RefusedFile {
  readonly name: string;
  /** Without values. */
  readonly reason: string;
}

export interface PulledBatch {
  /** Parquet, relative to the folder. */
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly rows: number;
  /** A piece of an answer that came in several batches, the last piece too: its number of rows says nothing. */
  readonly isPartial: boolean;
  readonly schema: readonly ColumnSchema[];
  /** What happened to the columns, by name: for lineage and the model card. */
  readonly treatments: Readonly<Record<string, string>>;
}
