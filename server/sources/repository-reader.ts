/** A small document with its ETag. */
export interface Snapshot {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

/** A part of a file. `bytes` may be shorter than asked for, but is never empty. */
export interface Range {
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
  /** REQUIRES: offset is before the end. With an ETag, rejects with `changed` when it no longer holds. */
  readRange(
    path: string,
    offset: number,
    length: number,
    etag: string | null,
    signal: AbortSignal,
  ): Promise<Range>;
  /** Names in the root, some of them if there are many. Rejects with `missing` without a root. */
  listRoot(signal: AbortSignal): Promise<readonly string[]>;
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
