/** A stored document with its ETag. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

/**
 * Write access to a model repository; paths are relative and '/'-separated. Methods may be called
 * concurrently, from any number of machines; each takes effect whole or not at all as far as
 * readers of index.json can see. All reject with StoreError.
 */
export interface RepositoryStore {
  /** For messages; holds no secret. */
  readonly description: string;
  /** null when it is not there. */
  read(path: string, maxBytes: number): Promise<Stored | null>;
  /** A text that changes whenever the file does, without reading it; null when it is not there. */
  stamp(path: string): Promise<string | null>;
  /** Writes a new file that will outlive a power cut; false when the path is taken. */
  create(path: string, bytes: Uint8Array): Promise<boolean>;
  /** Compare-and-swap; an ETag of null means "not there yet". false when another was first. */
  replace(path: string, bytes: Uint8Array, etag: string | null): Promise<boolean>;
  /** Paths of the files under a prefix that ends in "/", sorted; at most a thousand. */
  list(prefix: string): Promise<readonly string[]>;
  /** Takes a file away; nothing happens when it is gone already. */
  remove(path: string): Promise<void>;
}

/** The repository could not be read or written; the message holds no secret. */
export class StoreError extends Error {
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`);
    this.name = "StoreError";
  }
}
