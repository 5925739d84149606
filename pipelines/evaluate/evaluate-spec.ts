import type { MetricName, ModelConfig } from "../project/project.ts";
import type { Feature } from "../train/train-spec.ts";

export interface EvaluateSpec {
  readonly model: string;
  readonly config: ModelConfig;
  readonly features: readonly Feature[];
  /** Absolute. */
  readonly candidatePath: string;
  /** null: nothing serves yet. */
  readonly champion: { readonly version: number; readonly modelPath: string } | null;
  /** Parquet: the same rows for both. */
  readonly evaluationPath: string;
}

export type Metrics = Readonly<Partial<Record<MetricName, number>>>;

export interface SliceReport {
  readonly column: string;
  readonly value: string;
  readonly rows: number;
  readonly candidate: number;
  readonly champion: number | null;
}

/** One thing that a candidate had to keep. */
export interface Verdict {
  /** threshold, baseline, change, slice. */
  readonly gate: string;
  readonly passed: boolean;
  /** In words with numbers: what was asked and what came. */
  readonly text: string;
}

export interface EvaluateResult {
  readonly outcome: "passed" | "refused";
  readonly verdicts: readonly Verdict[];
  /** Nothing to compare with: passed on its own merits only (TensorFlow Model Analysis' word). */
  readonly isRubberStamp: boolean;
  readonly metric: MetricName;
  readonly rows: number;
  readonly candidate: Metrics;
  readonly champion: Metrics | null;
  /** Always the most common class, or the mean, of the evaluation rows. */
  readonly baseline: Metrics;
  /** Candidate less champion in the deciding metric (positive is better), 95 % paired bootstrap interval. */
  readonly change: { readonly mean: number; readonly low: number; readonly high: number } | null;
  readonly slices: readonly SliceReport[];
}
