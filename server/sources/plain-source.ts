import { setTimeout as wait } from "node:timers/promises";
import { VetRefusal } from "../models/loader.ts";
import type { LocalVersion, WantedModel, WantedSet } from "../models/source.ts";
import { assertRoom, type DownloadRoom } from "./assert-room.ts";
import { importVersion } from "./import-version.ts";
import type { IndexCache } from "./index-cache.ts";
import { type PlainConfig, PlainConfigs } from "./plain-configs.ts";
import { isPolicy, parsePlainSet, serializePlainSet } from "./plain-kept.ts";
import { type PlainModel, type PlainVersion, readPlainLayout } from "./plain-layout.ts";
import { PlainRecords } from "./plain-record.ts";
import { ReadError, type RepositoryReader, type SourceLog } from "./repository-reader.ts";
import { SettledVersions } from "./settled-versions.ts";
import type { VersionCache } from "./version-cache.ts";

export interface PlainSourceParts {
  readonly reader: RepositoryReader;
  readonly cache: VersionCache;
  readonly kept: IndexCache;
  /** The model's name where version folders lie in the root. */
  readonly baseName: string;
  readonly limits: DownloadRoom;
  readonly buffer: Uint8Array;
  readonly pause: (point: string) => Promise<void>;
  readonly log: SourceLog;
  readonly settleMs: number;
  readonly nowMs: () => number;
}

/** What a fingerprint stands for, as of the last reading. */
interface KnownVersion {
  readonly version: PlainVersion;
  /** null: none is known yet. */
  readonly config: PlainConfig | null;
}

/**
 * A repository without an index.json: Triton's or TensorFlow Serving's layout, read and never
 * written. What a version is known by is the fingerprint of its files, in place of a manifest's hash.
 */
export class PlainSource {
  readonly #parts: PlainSourceParts;
  readonly #settled: SettledVersions;
  readonly #records: PlainRecords;
  readonly #configs: PlainConfigs;
  readonly #versions = new Map<string, KnownVersion>();
  /** Told or recalled. */
  #known: WantedSet | null = null;
  #isFirst = true;

  constructor(parts: PlainSourceParts) {
    this.#parts = parts;
    this.#settled = new SettledVersions(parts.settleMs);
    this.#records = new PlainRecords(parts.cache.root);
    this.#configs = new PlainConfigs(parts.reader, parts.log);
  }

  /** null: nothing new has settled. Rejects with ReadError. */
  async poll(signal: AbortSignal): Promise<WantedSet | null> {
    if (this.#isFirst) await this.#recall();
    let set = await this.#read(signal);
    if (this.#isFirst && this.#settled.isWaiting) {
      // A server that starts should not wait for the next poll to serve what lies there.
      await wait(this.#parts.settleMs, undefined, { signal });
      set = await this.#read(signal);
    }
    const before = this.#known;
    if (set.models.size === 0) return this.#settled.isWaiting || before !== null ? null : set;
    if (!this.#isFirst && before !== null && isSameSet(before, set)) return null;
    this.#isFirst = false;
    this.#tellChanges(before, set);
    const numbered = { ...set, generation: (before?.generation ?? 0) + 1 };
    this.#known = numbered;
    await this.#keep(numbered);
    return numbered;
  }

  /** The last reading before a restart. */
  async lastKnown(): Promise<WantedSet | null> {
    const bytes = await this.#parts.kept.read().catch(() => null);
    return bytes === null ? null : parsePlainSet(bytes);
  }

  async fetch(
    model: string,
    number: number,
    fingerprint: string,
    signal: AbortSignal,
  ): Promise<LocalVersion> {
    const { cache, reader, buffer, pause, limits } = this.#parts;
    const record = await this.#records.read(fingerprint);
    const found = record === null ? null : await cache.find(record.manifestSha256);
    if (record !== null && found !== null) return { ...found, hints: record.hints };
    const known = this.#versions.get(fingerprint);
    if (known === undefined)
      throw new Error(`${model}/${number}: is not as it was when it was listed`);
    const { version, config } = known;
    assertUsable(config);
    const bytes = [...version.files.values()].reduce((sum, file) => sum + file.bytes, 0);
    await assertRoom(cache, limits, { what: `${model}/${number}`, partial: fingerprint, bytes });
    try {
      const local = await importVersion({
        ...{ reader, cache, model, number, version, buffer, pause, signal },
        config: config?.config ?? null,
      });
      const { manifestSha256, hints } = local;
      if (hints !== null) await this.#records.write(fingerprint, { manifestSha256, hints });
      return local;
    } catch (thrown) {
      const isOver = thrown instanceof VetRefusal;
      const hasChanged = thrown instanceof ReadError && thrown.kind === "changed";
      if (isOver || hasChanged) await cache.dropPartial(fingerprint);
      throw thrown;
    }
  }

  /** The manifest that was made for a fingerprint; null: none yet. */
  async manifestOf(fingerprint: string): Promise<string | null> {
    return (await this.#records.read(fingerprint))?.manifestSha256 ?? null;
  }

  /** What stood still when this server last ran need not be looked at twice. */
  async #recall(): Promise<void> {
    const known = await this.lastKnown();
    if (known === null) return;
    this.#known ??= known;
    for (const { name, versions, versionPolicy } of known.models.values()) {
      if (isPolicy(versionPolicy)) this.#configs.remember(name, versionPolicy);
      for (const [number, fingerprint] of versions)
        this.#settled.remember(name, number, fingerprint);
    }
  }

  async #read(signal: AbortSignal): Promise<WantedSet> {
    const { reader, baseName, nowMs } = this.#parts;
    const models = readPlainLayout(await reader.listFiles(signal), baseName);
    if (models.size === 0 && this.#known !== null) {
      throw new ReadError("missing", ".", "holds no model, and did before; serving what is loaded");
    }
    const settled = this.#settled.read(models, nowMs());
    this.#forgetVersions(models);
    const wanted = new Map<string, WantedModel>();
    let unread: ReadError | null = null;
    for (const model of models.values()) {
      const versions = settled.get(model.name) ?? new Map<number, string>();
      try {
        const config = await this.#readConfig(model, versions, signal);
        if (versions.size === 0 || config === null) continue;
        const { policy: versionPolicy } = config;
        wanted.set(model.name, { name: model.name, versions, aliases: new Map(), versionPolicy });
      } catch (thrown) {
        if (!(thrown instanceof ReadError)) throw thrown;
        // Left out means "unknown"; the other models are none the worse for it.
        unread ??= thrown;
      }
    }
    if (wanted.size === 0 && unread !== null) throw unread;
    return { generation: 0, models: wanted, removed: new Set() };
  }

  /** A version's fingerprint covers the configuration: where it has settled, so has that. */
  async #readConfig(
    model: PlainModel,
    settled: ReadonlyMap<number, string>,
    signal: AbortSignal,
  ): Promise<PlainConfig | null> {
    const isStill = [...model.versions].some(([n, each]) => settled.get(n) === each.fingerprint);
    const config = await this.#configs.read(model, isStill, signal);
    for (const version of model.versions.values()) {
      this.#versions.set(version.fingerprint, { version, config });
    }
    return config;
  }

  #forgetVersions(models: ReadonlyMap<string, PlainModel>): void {
    const listed = new Set<string>();
    for (const { versions } of models.values()) {
      for (const { fingerprint } of versions.values()) listed.add(fingerprint);
    }
    for (const known of this.#versions.keys()) if (!listed.has(known)) this.#versions.delete(known);
  }

  #tellChanges(before: WantedSet | null, after: WantedSet): void {
    const { log } = this.#parts;
    for (const { name, versions } of after.models.values()) {
      for (const [number, fingerprint] of versions) {
        const known = before?.models.get(name)?.versions.get(number);
        if (known === undefined || known === fingerprint) continue;
        log.warn(
          { model: name, version: number },
          "a version's files or configuration changed in place; where it is loaded it stays as it was (give changed files a new number)",
        );
      }
    }
  }

  async #keep(set: WantedSet): Promise<void> {
    await this.#parts.kept.write(serializePlainSet(set)).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      this.#parts.log.warn(
        { code },
        "what was read cannot be kept for a start without the repository",
      );
    });
  }
}

/** Throws why a version cannot be imported now (ReadError) or as it stands (VetRefusal). */
function assertUsable(config: PlainConfig | null): void {
  if (config === null) return;
  if (config.unread !== null) throw config.unread;
  if (config.refusal !== null) throw new VetRefusal(config.refusal);
}

function isSameSet(a: WantedSet, b: WantedSet): boolean {
  return describeSet(a) === describeSet(b);
}

function describeSet({ models }: WantedSet): string {
  const described = [...models.values()].map(({ name, versions, versionPolicy }) => [
    name,
    [...versions].sort(([m], [n]) => m - n),
    versionPolicy,
  ]);
  return JSON.stringify(described.sort(([m], [n]) => (String(m) < String(n) ? -1 : 1)));
}
