import { join } from "node:path";

/** Files of a training job, relative to its folder: SageMaker's training contract, and ours beside it. */
export const LAYOUT = {
  hyperparameters: "input/config/hyperparameters.json",
  inputDataConfig: "input/config/inputdataconfig.json",
  job: "input/config/job.json",
  data: { train: "input/data/train", validation: "input/data/validation" },
  train: "input/data/train/data.parquet",
  validation: "input/data/validation/data.parquet",
  model: "model",
  trees: "model/trees.json",
  onnx: "model/model.onnx",
  xgboost: "model/model.json",
  sample: "model/sample.parquet",
  output: "output",
  metrics: "output/metrics.json",
  failure: "output/failure",
  evaluation: "evaluation.parquet",
  reference: "reference.parquet",
} as const;

export const LAYOUT_FOLDERS = [
  "input/config",
  LAYOUT.data.train,
  LAYOUT.data.validation,
  LAYOUT.model,
  LAYOUT.output,
] as const;

/** Larger-than-memory work of the data engine; gone when the job ends. */
export function spillFolderOf(folder: string): string {
  return join(folder, "spill");
}

/** The trainer's answer in sample.parquet and reference.parquet. */
export const PREDICTION = "prediction";
