import { statfs } from "node:fs/promises";
import {
  MAX_DOCUMENT_BYTES,
  parseIndex,
  parseManifest,
  sha256Hex,
} from "../../protocols/repository/documents.ts";
import { INDEX_PATH, manifestPath, ROOT_FOLDERS } from "../../protocols/repository/layout.ts";
import type { Manifest, RepositoryIndex } from "../../protocols/repository/schemas.ts";
import type { LocalVersion, Source, WantedSet } from "../models/source.ts";
import { RANGE_BYTES } from "./download-file.ts";
import { downloadVersion } from "./download-version.ts";
import { IndexCache } from "./index-cache.ts";
import { ReadError, type RepositoryReader, type SourceLog } from "./repository-reader.ts";
import { VersionCache } from "./version-cache.ts";
import { assertImmutable, toWantedSet } from "./wanted-set.ts";

/** Room that must be left after a download, as a factor of its size. */
const DISK_FACTOR = 1.1;
const DEFAULT_MAX_VERSION_BYTES = 16 * 1024 ** 3;

export interface RepositorySourceParts {
  readonly reader: RepositoryReader;
  /** Folder; the cache lies in home/cache. */
  readonly home: string;
  /** Says which repository the kept index is of. */
  readonly location: string;
  /** Stops here for ever in kill tests ("downloading", "verifying"); does nothing otherwise. */
  readonly pause: (point: string) => Promise<void>;
  readonly log: SourceLog;
}

export interface RepositorySourceLimits {
  readonly maxVersionBytes: number;
  /** Bytes free on the disk of a folder. */
  readonly freeBytes: (folder: string) => Promise<number>;
}

/** The own repository layout (protocols/repository/layout.ts), from any reader. */
export class RepositorySource implements Source {
  readonly description: string;
  readonly #parts: RepositorySourceParts;
  readonly #limits: RepositorySourceLimits;
  readonly #versions: VersionCache;
  readonly #kept: IndexCache;
  /** Of all downloads, one after another: a new one each would come and go in memory by megabytes. */
  readonly #buffer = new Uint8Array(RANGE_BYTES);
  #etag: string | null = null;
  /** What was last told or remembered; null before. */
  #index: RepositoryIndex | null = null;
  #saidEmpty = false;

  constructor(parts: RepositorySourceParts, limits: Partial<RepositorySourceLimits> = {}) {
    this.description = parts.reader.description;
    this.#parts = parts;
    this.#limits = { maxVersionBytes: DEFAULT_MAX_VERSION_BYTES, freeBytes, ...limits };
    this.#versions = new VersionCache(parts.home);
    this.#kept = new IndexCache(this.#versions.root, parts.location);
  }

  async poll(signal: AbortSignal): Promise<WantedSet | null> {
    signal.throwIfAborted();
    const { reader, log } = this.#parts;
    let snapshot: Awaited<ReturnType<RepositoryReader["readIfChanged"]>>;
    try {
      snapshot = await reader.readIfChanged(INDEX_PATH, this.#etag, MAX_DOCUMENT_BYTES, signal);
    } catch (error) {
      if (error instanceof ReadError && error.kind === "missing")
        return this.#pollWithoutIndex(signal);
      throw error;
    }
    if (snapshot === null) return null;
    const index = parseIndex(snapshot.bytes);
    const before = this.#index ?? (await this.#readKept());
    if (before !== null) assertImmutable(before, index, this.#kept.path);
    await this.#kept.write(snapshot.bytes).catch((error: NodeJS.ErrnoException) => {
      log.warn({ code: error.code }, "the index cannot be kept for a start without the repository");
    });
    this.#index = index;
    this.#etag = snapshot.etag;
    return toWantedSet(index);
  }

  async lastKnown(): Promise<WantedSet | null> {
    this.#index ??= await this.#readKept();
    return this.#index === null ? null : toWantedSet(this.#index);
  }

  async fetch(
    model: string,
    version: number,
    manifestSha256: string,
    signal: AbortSignal,
  ): Promise<LocalVersion> {
    const found = await this.#versions.find(manifestSha256);
    if (found !== null) return found;
    const { reader, pause } = this.#parts;
    const manifestBytes = await this.#readManifest(model, version, manifestSha256, signal);
    const manifest = parseManifest(manifestPath(model, version), manifestBytes);
    assertSameVersion(manifest, model, version);
    await this.#assertRoom(manifest, manifestSha256);
    const cache = this.#versions;
    const buffer = this.#buffer;
    await downloadVersion({ reader, cache, manifest, manifestSha256, buffer, pause, signal });
    return cache.commit(manifestSha256, manifestBytes);
  }

  watch(wake: () => void): () => void {
    return this.#parts.reader.watch(wake);
  }

  /**
   * Only a repository that never had an index, as far as this server knows, is empty; otherwise its
   * absence means "unknown".
   */
  async #pollWithoutIndex(signal: AbortSignal): Promise<WantedSet | null> {
    if ((await this.lastKnown()) !== null) {
      throw new ReadError("missing", INDEX_PATH, "was there before and is not there now");
    }
    const strangers = (await this.#parts.reader.listRoot(signal)).filter(
      (name) =>
        !ROOT_FOLDERS.includes(name) && !name.startsWith(INDEX_PATH) && !name.startsWith("."),
    );
    if (strangers.length > 0) {
      const what = `is not there, but '${strangers[0]}' is: not a model repository (publish models to make one)`;
      throw new ReadError("missing", INDEX_PATH, what);
    }
    if (this.#saidEmpty) return null;
    this.#saidEmpty = true;
    return { generation: 0, models: new Map(), removed: new Set() };
  }

  async #readKept(): Promise<RepositoryIndex | null> {
    try {
      const bytes = await this.#kept.read();
      return bytes === null ? null : parseIndex(bytes);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#parts.log.warn({ why }, "the index kept on this disk cannot be used");
      return null;
    }
  }

  async #readManifest(
    model: string,
    version: number,
    sha256: string,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const path = manifestPath(model, version);
    const manifest = await this.#parts.reader.readIfChanged(path, null, MAX_DOCUMENT_BYTES, signal);
    const bytes = manifest?.bytes ?? new Uint8Array(0);
    const found = sha256Hex(bytes);
    if (found !== sha256) {
      throw new Error(`${path}: expected sha256 ${sha256} (index.json), got ${found}`);
    }
    return bytes;
  }

  async #assertRoom(manifest: Manifest, manifestSha256: string): Promise<void> {
    const path = manifestPath(manifest.model, manifest.version);
    const total = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    const { maxVersionBytes } = this.#limits;
    if (total > maxVersionBytes) {
      throw new Error(`${path}: its files have ${total} bytes, more than ${maxVersionBytes}`);
    }
    const folder = await this.#versions.openPartial(manifestSha256);
    const left = Math.max(0, total - (await this.#versions.partialBytes(manifestSha256)));
    const needed = Math.ceil(left * DISK_FACTOR);
    const free = await this.#limits.freeBytes(folder);
    if (needed > free) {
      throw new Error(`${path}: needs ${needed} bytes of disk in the cache, ${free} are free`);
    }
  }
}

function assertSameVersion(manifest: Manifest, model: string, version: number): void {
  if (manifest.model === model && manifest.version === version) return;
  throw new Error(
    `${manifestPath(model, version)}: is the manifest of ${manifest.model} version ${manifest.version}`,
  );
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
