import type { VersionPolicy } from "./version-policy.ts";

/** Where wanted versions come from. Implementations: server/sources. */

/** What the repository wants of one model. */
export interface WantedModel {
  readonly name: string;
  /** Version number to the hash of its manifest. Immutable: a number never changes its hash. */
  readonly versions: ReadonlyMap<number, string>;
  readonly aliases: ReadonlyMap<string, number>;
  /** What the repository itself says of the model; null: the server's setting decides. */
  readonly versionPolicy: VersionPolicy | null;
}

/** A whole, consistent reading of the repository's index. */
export interface WantedSet {
  readonly generation: number;
  readonly models: ReadonlyMap<string, WantedModel>;
  /** Models that were taken away on purpose; only these unload. */
  readonly removed: ReadonlySet<string>;
}

/** A verified copy of a version on the local disk; the folder is never changed again. */
export interface LocalVersion {
  readonly directory: string;
  readonly manifestSha256: string;
  /** null: the repository says nothing of how to serve it. */
  readonly hints: ServingHints | null;
}

/** What a repository that is read as it stands says of serving a version (Triton's config.pbtxt). */
export interface ServingHints {
  /** Most rows of a batch; 0: rows are never stacked; null: the server's setting. */
  readonly maxBatchRows: number | null;
  /** What is asked for and not done; stands beside the state `ready`. null: nothing. */
  readonly note: string | null;
}

export interface Source {
  /** For logs and the banner; holds no secret. */
  readonly description: string;
  /**
   * Reads the index. null: unchanged since the last call that returned a set.
   * Rejects when the repository cannot be reached or read: that means "unknown", never "nothing".
   */
  poll(signal: AbortSignal): Promise<WantedSet | null>;
  /** The last set that was read before a restart, for a start without the repository; null if none. */
  lastKnown(): Promise<WantedSet | null>;
  /**
   * Brings a version to the local disk, or finds it there. Resumes a broken download. Called for
   * one version at a time. Rejects with a message that names the file and what was wrong.
   */
  fetch(
    model: string,
    version: number,
    manifestSha256: string,
    signal: AbortSignal,
  ): Promise<LocalVersion>;
  /** Calls `wake` whenever it might pay to poll now; a hint only. Returns how to stop. */
  watch(wake: () => void): () => void;
}
