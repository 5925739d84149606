import { basename } from "node:path";
import {
  MAX_DOCUMENT_BYTES,
  parseIndex,
  parseManifest,
  sha256Hex,
} from "../../protocols/repository/documents.ts";
import { INDEX_PATH, manifestPath, ROOT_FOLDERS } from "../../protocols/repository/layout.ts";
import type { Manifest, RepositoryIndex } from "../../protocols/repository/schemas.ts";
import type { LocalVersion, Source, WantedSet } from "../models/source.ts";
import {
  assertRoom,
  DOWNLOAD_LIMITS,
  type DownloadLimits,
  type DownloadRoom,
} from "./assert-room.ts";
import { type CachedVersion, freeCache, sweepPartials, trimCache } from "./cache-trim.ts";
import { RANGE_BYTES } from "./download-file.ts";
import { downloadVersion } from "./download-version.ts";
import { IndexCache } from "./index-cache.ts";
import { PlainSource } from "./plain-source.ts";
import { ReadError, type RepositoryReader, type SourceLog } from "./repository-reader.ts";
import { VersionCache } from "./version-cache.ts";
import { assertImmutable, toWantedSet } from "./wanted-set.ts";

/** Of a version that is read as it stands: how long its files must have stood still. */
const SETTLE_MS = 1000;

export interface RepositorySourceParts {
  readonly reader: RepositoryReader;
  /** Folder; the cache lies in home/cache. */
  readonly home: string;
  /** Says which repository the kept index is of. */
  readonly location: string;
  /** Stops here for ever in kill tests ("downloading", "verifying"); does nothing otherwise. */
  readonly pause: (point: string) => Promise<void>;
  readonly log: SourceLog;
  /** 0: no limit. */
  readonly maxCacheBytes: number;
  /** What versions are known by that are loaded or wanted: they never leave the cache. */
  readonly held: () => readonly string[];
}

export interface RepositorySourceLimits extends DownloadLimits {
  readonly settleMs: number;
}

/**
 * The own repository layout (protocols/repository/layout.ts), from any reader; where there is no
 * index.json and never was, whatever plain layout lies there.
 */
export class RepositorySource implements Source {
  readonly description: string;
  readonly #parts: RepositorySourceParts;
  readonly #limits: RepositorySourceLimits & DownloadRoom;
  readonly #versions: VersionCache;
  readonly #kept: IndexCache;
  /** Of all downloads, one after another: a new one each would come and go in memory by megabytes. */
  readonly #buffer = new Uint8Array(RANGE_BYTES);
  #etag: string | null = null;
  /** What was last told or remembered; null before. */
  #index: RepositoryIndex | null = null;
  readonly #plain: PlainSource;
  #isPlain = false;
  #saidEmpty = false;
  /** What the version that is being fetched is known by; null: none is. */
  #fetching: string | null = null;

  constructor(parts: RepositorySourceParts, limits: Partial<RepositorySourceLimits> = {}) {
    this.description = parts.reader.description;
    this.#parts = parts;
    const makeRoom = (missingBytes: number) => this.#makeRoom(missingBytes);
    this.#limits = { ...DOWNLOAD_LIMITS, settleMs: SETTLE_MS, ...limits, makeRoom };
    this.#versions = new VersionCache(parts.home);
    this.#kept = new IndexCache(this.#versions.root, parts.location);
    this.#plain = new PlainSource({
      ...{ reader: parts.reader, pause: parts.pause, log: parts.log },
      cache: this.#versions,
      kept: new IndexCache(this.#versions.root, `plain:${parts.location}`),
      baseName: basename(parts.location),
      limits: this.#limits,
      buffer: this.#buffer,
      settleMs: this.#limits.settleMs,
      nowMs: () => performance.now(),
    });
  }

  async poll(signal: AbortSignal): Promise<WantedSet | null> {
    const set = await this.#poll(signal);
    if (set !== null) await this.#sweep(set);
    return set;
  }

  async #poll(signal: AbortSignal): Promise<WantedSet | null> {
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
    this.#isPlain = false;
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
    if (this.#index !== null) return toWantedSet(this.#index);
    const plain = await this.#plain.lastKnown();
    this.#isPlain ||= plain !== null;
    return plain;
  }

  async fetch(
    model: string,
    version: number,
    manifestSha256: string,
    signal: AbortSignal,
  ): Promise<LocalVersion> {
    this.#fetching = manifestSha256;
    try {
      const local = this.#isPlain
        ? await this.#plain.fetch(model, version, manifestSha256, signal)
        : await this.#fetch(model, version, manifestSha256, signal);
      await this.#trim(local.manifestSha256);
      return local;
    } finally {
      this.#fetching = null;
    }
  }

  async #fetch(
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
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    const what = manifestPath(model, version);
    await assertRoom(this.#versions, this.#limits, { what, partial: manifestSha256, bytes });
    const cache = this.#versions;
    const buffer = this.#buffer;
    await downloadVersion({ reader, cache, manifest, manifestSha256, buffer, pause, signal });
    return cache.commit(manifestSha256, manifestSha256, manifestBytes);
  }

  watch(wake: () => void): () => void {
    return this.#parts.reader.watch(wake);
  }

  /** What no version can be resumed from any more, of this process or one before it. */
  async #sweep({ models }: WantedSet): Promise<void> {
    const resumable = new Set(this.#parts.held());
    for (const { versions } of models.values()) {
      for (const key of versions.values()) resumable.add(key);
    }
    if (this.#fetching !== null) resumable.add(this.#fetching);
    const count = await sweepPartials(this.#versions.root, resumable).catch(() => 0);
    if (count > 0) this.#parts.log.info({ count }, "leftovers of broken downloads were deleted");
  }

  /** A cache that cannot be trimmed is too large and nothing worse. */
  async #trim(justFetched: string): Promise<void> {
    const { maxCacheBytes } = this.#parts;
    if (maxCacheBytes === 0) return;
    const kept = await this.#listHeld();
    kept.add(justFetched);
    this.#tellDeleted(await trimCache(this.#versions.root, kept, maxCacheBytes).catch(() => []));
  }

  /** For a full disk, whatever the cache may hold: surplus versions must not keep a new one out. */
  async #makeRoom(missingBytes: number): Promise<void> {
    const kept = await this.#listHeld();
    this.#tellDeleted(await freeCache(this.#versions.root, kept, missingBytes).catch(() => []));
  }

  /** Hashes of manifests; of versions without one, of what was made for them. */
  async #listHeld(): Promise<Set<string>> {
    const held = new Set<string>();
    for (const key of this.#parts.held()) {
      held.add(key);
      const made = await this.#plain.manifestOf(key);
      if (made !== null) held.add(made);
    }
    return held;
  }

  #tellDeleted(deleted: readonly CachedVersion[]): void {
    for (const { manifestSha256, bytes } of deleted) {
      this.#parts.log.info(
        { manifestSha256, bytes },
        "a version that nothing wants left the cache",
      );
    }
  }

  /**
   * Only a repository that never had an index, as far as this server knows, is empty or is read as it
   * stands; otherwise its absence means "unknown".
   */
  async #pollWithoutIndex(signal: AbortSignal): Promise<WantedSet | null> {
    this.#index ??= await this.#readKept();
    if (this.#index !== null) {
      throw new ReadError("missing", INDEX_PATH, "was there before and is not there now");
    }
    const strangers = (await this.#parts.reader.listRoot(signal)).filter(
      (name) =>
        !ROOT_FOLDERS.includes(name) && !name.startsWith(INDEX_PATH) && !name.startsWith("."),
    );
    const [stranger] = strangers;
    if (stranger !== undefined || (await this.#plain.lastKnown()) !== null) {
      return this.#pollPlain(stranger ?? "nothing", signal);
    }
    if (this.#saidEmpty) return null;
    this.#saidEmpty = true;
    return { generation: 0, models: new Map(), removed: new Set() };
  }

  async #pollPlain(stranger: string, signal: AbortSignal): Promise<WantedSet | null> {
    const set = await this.#plain.poll(signal);
    if (set !== null && set.models.size === 0) {
      const what = `is not there, and no <model>/<n>/model.onnx either, but '${stranger}' is: not a model repository (publish models to make one)`;
      throw new ReadError("missing", INDEX_PATH, what);
    }
    this.#isPlain ||= set !== null;
    return set;
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
}

function assertSameVersion(manifest: Manifest, model: string, version: number): void {
  if (manifest.model === model && manifest.version === version) return;
  throw new Error(
    `${manifestPath(model, version)}: is the manifest of ${manifest.model} version ${manifest.version}`,
  );
}
