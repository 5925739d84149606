import type { ColumnSchema } from "../datasets/column.ts";
import type { ColumnContract, DatasetConfig } from "../project/project.ts";

/** What every batch of a dataset must keep. */
export interface Contract {
  /** Counts up with every change, by inference or by the project file. */
  readonly version: number;
  readonly columns: Readonly<Record<string, ColumnContract>>;
  readonly minRows: number | null;
}

export interface CheckSpec {
  readonly datasetName: string;
  readonly dataset: DatasetConfig;
  readonly batch: {
    readonly id: string;
    /** Absolute. */
    readonly path: string;
    readonly schema: readonly ColumnSchema[];
    /** A piece of an answer: its number of rows says nothing. */
    readonly isPartial: boolean;
  };
  /** Already with the project's overrides; null until it was inferred. */
  readonly contract: Contract | null;
  /** Accepted files so far, oldest first: for inference and the history of counts. */
  readonly acceptedPaths: readonly string[];
  /** Those of them that are pieces of an answer. */
  readonly partialPaths: readonly string[];
}

export interface Problem {
  /** null: the batch as a whole. */
  readonly column: string | null;
  /** Which part of the contract: type, missing, range, mean, values, unique, rows, columns. */
  readonly rule: string;
  readonly expected: string;
  /** What came; counts and bounds, never values of a text column that is not in the contract. */
  readonly found: string;
}

export interface CheckResult {
  readonly outcome: "passed" | "failed";
  readonly problems: readonly Problem[];
  /** Profile of the batch: JSON, relative to the folder (see quality/profile.ts). */
  readonly profileFile: string;
  /** Set when this batch completed what the contract is inferred from; without overrides. */
  readonly inferred: Contract | null;
  readonly rows: number;
  /**
   * Rows whose key stands in one of the accepted files: updates, or what was delivered again. Told, and
   * no problem; training takes the last row of a key. 0 without a key.
   */
  readonly updatedRows: number;
}
