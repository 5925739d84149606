import type { Selectable } from "kysely";
import type { LoadedProject } from "../project/loaded-project.ts";
import type {
  BatchTable,
  CandidateTable,
  CaptureTable,
  ContractTable,
  FeedTable,
  LabelFileTable,
  RunTable,
  WindowTable,
} from "../store/tables.ts";
import type { CandidateFiles } from "./candidate-files.ts";
import type { PipelinesConfig } from "./pipelines-config.ts";

/** All that planning looks at; read in one go, never written. */
export interface Snapshot {
  readonly nowMs: number;
  readonly project: LoadedProject;
  readonly config: PipelinesConfig;
  /** Runs queued or running. */
  readonly active: readonly Pick<RunTable, "kind" | "subject" | "key">[];
  readonly feeds: ReadonlyMap<string, FeedTable>;
  readonly datasets: ReadonlyMap<string, DatasetState>;
  readonly models: ReadonlyMap<string, ModelState>;
  /** Candidates of models that the project does not name: put into incoming/. */
  readonly strangers: readonly CandidateTable[];
  /** Closed capture files, oldest first, less those taken before. */
  readonly captureFiles: readonly string[];
  /** Last entry taken of the capture stream. */
  readonly streamId: string;
  readonly labelFiles: readonly Selectable<LabelFileTable>[];
  /** The repository has, or had, an index: where there is none, something is wrong. */
  readonly hasIndex: boolean;
  /** Feeds to pull whatever the clock says, each with a text for the key. */
  readonly askedPulls: ReadonlyMap<string, string>;
}

export type BatchRow = Selectable<BatchTable>;
export type LandedBatch = Pick<BatchRow, "id" | "path" | "is_partial" | "created_at_ms">;

export interface UnscoredBatch extends Pick<BatchRow, "id" | "path" | "sha256" | "bytes" | "rows"> {
  /** Score jobs of the champion that failed with it. */
  readonly failures: number;
}

export interface DatasetState {
  /** Not checked yet, oldest first; not all where many wait. */
  readonly pulled: readonly BatchRow[];
  /** Quarantined under other rules than those of now, oldest first; not all where many are. */
  readonly releasable: readonly BatchRow[];
  /** The last ones accepted, oldest first: as many as any decision looks at. */
  readonly landed: readonly LandedBatch[];
  readonly contract: ContractTable | null;
  /** The latest; null before the first batch landed. */
  readonly version: {
    readonly version: number;
    readonly rows: number;
    /** Of them, those that took the place of earlier ones. */
    readonly updatedRows: number;
  } | null;
}

export interface Champion {
  readonly version: number;
  /** Absolute: a copy of what the repository holds. */
  readonly modelPath: string;
  readonly manifestPath: string;
  /** null: not trained here. */
  readonly candidate: CandidateTable | null;
  readonly files: CandidateFiles | null;
}

export interface ModelState {
  /** As the repository has it; null: nothing published. While unknown, nothing that depends on it is decided. */
  readonly champion: Champion | "unknown" | null;
  /** Neither published nor refused yet, oldest first. */
  readonly inFlight: readonly CandidateTable[];
  readonly training: TrainingHistory;
  /** Captured rows of the champion that no window holds yet, oldest first. */
  readonly unwindowed: readonly CaptureTable[];
  /** Of the champion, oldest first. */
  readonly windows: readonly WindowTable[];
  /** Of the champion, to be looked at again because labels came; null: none. */
  readonly lateWindow: LateWindow | null;
  /** Landed batches of the model's dataset to score, oldest first; those skipped before come last. */
  readonly unscored: readonly UnscoredBatch[];
  /** `sluice run MODEL` asked for it; the text goes into the key. */
  readonly forced: string | null;
}

export interface LateWindow {
  readonly number: number;
  readonly captures: readonly CaptureTable[];
}

export interface TrainingHistory {
  /** Finished or failed. */
  readonly lastStartedMs: number | null;
  /** Rows and version of the dataset that the last training saw. */
  readonly lastDatasetVersion: number | null;
  readonly lastDatasetRows: number;
  /** Finished or failed. */
  readonly startedWithinDay: number;
  /** A version of the model came from here once, trained or from incoming/. */
  readonly hasPublished: boolean;
  /** Since the last that finished. */
  readonly failedInRow: number;
  /** Refused one after another since the last that was published or that somebody asked for. */
  readonly refusedInRow: number;
}
