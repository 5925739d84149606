import type { DataFile } from "../datasets/dataset-version.ts";
import type { PulledBatch } from "../feeds/pull-spec.ts";
import type { ModelConfig } from "../project/project.ts";
import type { Feature } from "../train/train-spec.ts";

export interface ScoreSpec {
  readonly model: string;
  readonly version: number;
  readonly task: ModelConfig["task"];
  readonly features: readonly Feature[];
  /** Absolute. */
  readonly modelPath: string;
  /** Files not scored yet. */
  readonly files: readonly DataFile[];
  /** Columns that go along. */
  readonly keep: readonly string[];
}

export interface ScoreResult {
  /** Columns: those kept, `prediction` (number), `model_version`, `scored_at`. */
  readonly batch: PulledBatch;
}
