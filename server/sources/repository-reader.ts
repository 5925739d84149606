/**
 * What is read, hashed or written at once. Serving threads may have to share their core with who does
 * it: they wait for one piece then, a fraction of a millisecond, and not for the whole file.
 */
export const PIECE_BYTES = 256 * 1024;

export const MAX_LISTED_FILES = 100_000;

/** A small document with its ETag. */
export interface Snapshot {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

/** A regular file of the repository, or something in its place. */
export interface ListedFile {
  /** In the repository. */
  readonly path: string;
  readonly bytes: number;
  /** Differs when the file does; what `readRange` takes as its ETag. */
  readonly stamp: string;
}

/** A part of a file. */
export interface Range {
  /** The beginning of the caller's buffer; may be shorter than that, but is never empty. */
  readonly bytes: Uint8Array;
  readonly etag: string;
  /** Of the whole file. */
  readonly totalBytes: number;
}

/**
 * Read-only access to a model repository; paths are relative and '/'-separated. All methods may be
 * called concurrently and reject with ReadError.
 */
export interface RepositoryReader {
  /** For logs; holds no secret. */
  readonly description: string;
  /** null: the ETag still holds. Pass null to read in any case. */
  readIfChanged(
    path: string,
    etag: string | null,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Snapshot | null>;
  /**
   * Reads as much as `into` takes. REQUIRES: offset is before the end. With an ETag, rejects with
   * `changed` when it no longer holds. The buffer is the caller's to use again: a new one for each
   * range would be zeroed, and collected on threads that take the cores of those that serve.
   */
  readRange(
    path: string,
    offset: number,
    into: Uint8Array,
    etag: string | null,
    signal: AbortSignal,
  ): Promise<Range>;
  /** Names in the root, some of them if there are many. Rejects with `missing` without a root. */
  listRoot(signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Every file that lies at most four names deep (`model/1/folder/file`) and in no hidden folder. What
   * lies under no model's or version's name may be left out, and a model that may not be read whole is.
   * Rejects with `failed` when there are more than MAX_LISTED_FILES.
   */
  listFiles(signal: AbortSignal): Promise<readonly ListedFile[]>;
  /** Calls `wake` when the index may have changed; a hint only. Returns how to stop. */
  watch(wake: () => void): () => void;
}

/** `changed`: another version of the file is there now, or it is shorter than it was. */
export type ReadFailure = "missing" | "changed" | "failed";

export class ReadError extends Error {
  readonly kind: ReadFailure;

  constructor(kind: ReadFailure, path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.name = "ReadError";
    this.kind = kind;
  }
}

/** As much of a pino logger as sources need. */
export interface SourceLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}
