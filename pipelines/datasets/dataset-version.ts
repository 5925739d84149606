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
 * `datasets/<name>/versions/<n>.json`, written once: the files of one version in the order of their
 * landing. A version holds every file of the one before, and the new ones.
 */
export interface DatasetVersion {
  readonly schemaVersion: 1;
  readonly dataset: string;
  readonly version: number;
  readonly files: readonly DataFile[];
  readonly rows: number;
  readonly schema: readonly ColumnSchema[];
  /** Of the contract that the last file was checked against; null before there is one. */
  readonly contractVersion: number | null;
}
