import type { ColumnSchema } from "./column.ts";

/** One Parquet file of a dataset: an accepted batch. Immutable. */
export interface DataFile {
  /** Absolute. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly rows: number;
  readonly batchId: string;
}

/**
 * `data/<dataset>/versions/<n>.json`, written once: what one version adds to the one before. All the
 * files of version n are those of the documents 1 to n, in this order; the store tells them at once.
 */
export interface DatasetVersion {
  readonly schemaVersion: 1;
  readonly dataset: string;
  readonly version: number;
  readonly file: DataFile;
  /** Of the whole version. */
  readonly rows: number;
  /** Of the whole version. */
  readonly files: number;
  readonly schema: readonly ColumnSchema[];
  /** Of the contract that the file was checked against; null before there is one. */
  readonly contractVersion: number | null;
}
