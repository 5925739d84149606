import type { MetricName, ModelConfig } from "../project/project.ts";
import type { Feature } from "../train/train-spec.ts";

/** Takes captured records out of the capture folder or stream, into Parquet by model and version. */
export interface CollectSpec {
  /** Absolute paths of closed capture files, oldest first; for "redis" null. */
  readonly captureFiles: readonly string[] | null;
  /** Where from, if from a stream of the environment's Redis (jobs/job-env.ts): entries after `afterId`. */
  readonly stream: {
    readonly name: string;
    readonly afterId: string;
  } | null;
  readonly maxRecords: number;
}

/** Rows of one model version: inference_id, row, at_ms, one column an input, `prediction`. */
export interface CollectedFile {
  readonly model: string;
  readonly version: number;
  /** Relative to the folder. */
  readonly file: string;
  readonly rows: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

export interface CollectResult {
  readonly predictions: readonly CollectedFile[];
  /** Columns: model, inference_id, row, label (text), at_ms. Relative; null for none. */
  readonly labels: { readonly file: string; readonly rows: number } | null;
  /** Lines that are no record, skipped and counted. */
  readonly unreadable: number;
  /** Of a stream: the last entry taken. */
  readonly lastId: string | null;
  /** Of files: those taken whole. */
  readonly takenFiles: readonly string[];
}

export interface ObserveSpec {
  readonly model: string;
  readonly version: number;
  readonly config: ModelConfig;
  readonly features: readonly Feature[];
  /** Absolute: collected predictions of this window. */
  readonly capturePaths: readonly string[];
  /** Absolute: every label file that may hold labels of the window. */
  readonly labelPaths: readonly string[];
  /** Absolute: the training job's reference rows; null for a model that was not trained here. */
  readonly referencePath: string | null;
  /** Realised metric at evaluation, for the drop. */
  readonly evaluated: Readonly<Partial<Record<MetricName, number>>> | null;
  /** Highest number of the label files known when this look was planned. */
  readonly labelSeq: number;
}

export interface ColumnDrift {
  readonly column: string;
  readonly kind: "number" | "text";
  /** Wasserstein / reference standard deviation, or Jensen-Shannon distance base 2. */
  readonly distance: number;
  /** Kolmogorov-Smirnov or contingency chi-square, Benjamini-Hochberg adjusted. */
  readonly adjustedP: number;
  /** Population stability index over reference deciles: shown, never a gate. */
  readonly psi: number;
  readonly hasDrifted: boolean;
  /** In words: what changed most. */
  readonly text: string;
}

export interface ObserveResult {
  readonly rows: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** Inputs, and `prediction`. Empty without a reference. */
  readonly drift: readonly ColumnDrift[];
  readonly performance: {
    readonly metric: MetricName;
    readonly coverage: number;
    /** null: too few labels. */
    readonly realised: number | null;
    readonly evaluated: number | null;
    readonly isDegraded: boolean;
  } | null;
}
