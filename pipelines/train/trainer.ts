import type { DataEngine } from "../datasets/duckdb.ts";
import type { JobContext } from "../jobs/job.ts";
import type { PreparedRows } from "./prepare-rows.ts";
import type { TrainResult, TrainSpec } from "./train-spec.ts";

/** What every trainer works on: the job's folder with its inputs written. */
export interface TrainerInput {
  readonly engine: DataEngine;
  readonly spec: TrainSpec;
  readonly rows: PreparedRows;
  /** Settings as texts. */
  readonly params: Readonly<Record<string, string>>;
  readonly context: JobContext;
}

/** What it leaves, beside model/sample.parquet and reference.parquet. */
export type Trained = Pick<TrainResult, "artifact" | "metrics">;

/** Rejects with JobError. */
export type Trainer = (input: TrainerInput) => Promise<Trained>;
