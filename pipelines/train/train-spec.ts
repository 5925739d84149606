import type { DataFile } from "../datasets/dataset-version.ts";
import type { ModelConfig } from "../project/project.ts";

/** How one raw column enters the model. */
export interface Feature {
  readonly name: string;
  /** number: FP32 tensor, NaN missing. text: BYTES tensor, "" missing. */
  readonly kind: "number" | "text";
}

export interface TrainSpec {
  readonly model: string;
  readonly config: ModelConfig;
  /** Timestamp column of the dataset; null: rows keep their order. */
  readonly timeColumn: string | null;
  /** Columns that together name a row: of the rows of one key the last that landed counts. Empty: every row does. */
  readonly keyColumns: readonly string[];
  readonly dataset: { readonly name: string; readonly version: number };
  readonly files: readonly DataFile[];
  /** Program and arguments of the `command` trainer, from the server's own settings; null for the built-in. */
  readonly command: readonly string[] | null;
}

/**
 * All paths are relative to the folder, which is laid out as SageMaker's training contract says:
 * input/config, input/data/{train,validation}, model, output.
 */
export interface TrainResult {
  readonly features: readonly Feature[];
  /** What stands in model/: our trees (trees.json), XGBoost's model.json, or a ready model.onnx. */
  readonly artifact: { readonly kind: "trees" | "xgboost" | "onnx"; readonly file: string };
  /** Rows with the trainer's own answers in the column `prediction` (probability of the positive class, or value). */
  readonly sampleFile: string;
  /** Rows that training never saw: the last in time. Features, target, slices, time. */
  readonly evaluationFile: string;
  /** Rows of the training data against which drift is measured: features and `prediction`. */
  readonly referenceFile: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly params: Readonly<Record<string, string>>;
  readonly rows: {
    readonly train: number;
    readonly validation: number;
    readonly evaluation: number;
  };
}
