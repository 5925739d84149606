import type { Selectable } from "kysely";
import type { DatasetVersion } from "../datasets/dataset-version.ts";
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
}

export type BatchRow = Selectable<BatchTable>;

export interface DatasetState {
  /** Not checked yet, oldest first. */
  readonly pulled: readonly BatchRow[];
  readonly quarantined: readonly BatchRow[];
  /** Accepted, oldest first. */
  readonly landed: readonly BatchRow[];
  readonly contract: ContractTable | null;
  /** The latest; null before the first batch landed. */
  readonly version: DatasetVersion | null;
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
  /** As the repository has it; null: nothing published. */
  readonly champion: Champion | null;
  /** Neither published nor refused yet, oldest first. */
  readonly inFlight: readonly CandidateTable[];
  readonly training: TrainingHistory;
  /** Captured rows of the champion that no window holds yet, oldest first. */
  readonly unwindowed: readonly CaptureTable[];
  /** Of the champion, oldest first. */
  readonly windows: readonly WindowTable[];
  /** Captures by window, for looking again when labels came. */
  readonly windowCaptures: ReadonlyMap<string, readonly CaptureTable[]>;
  /** Landed batches of the model's dataset to score, oldest first. */
  readonly unscored: readonly BatchRow[];
  /** `sluice run MODEL` asked for it; the text goes into the key. */
  readonly forced: string | null;
}

export interface TrainingHistory {
  readonly lastStartedMs: number | null;
  /** Rows and version of the dataset that the last training saw. */
  readonly lastDatasetVersion: number | null;
  readonly lastDatasetRows: number;
  readonly startedWithinDay: number;
  /** Refused one after another since the last that was published. */
  readonly refusedInRow: number;
}
