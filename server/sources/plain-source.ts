import { setTimeout as wait } from "node:timers/promises";
import { parseIndex, serializeDocument } from "../../protocols/repository/documents.ts";
import type { RepositoryIndex } from "../../protocols/repository/schemas.ts";
import {
  CONFIG_FILE,
  parseTritonConfig,
  type TritonConfig,
  type TritonVersionPolicy,
} from "../../protocols/repository/triton/model-config.ts";
import { TritonConfigError } from "../../protocols/repository/triton/text-fields.ts";
import { VetRefusal } from "../models/loader.ts";
import type { LocalVersion, WantedModel, WantedSet } from "../models/source.ts";
import { assertRoom, type DownloadLimits } from "./assert-room.ts";
import { importVersion } from "./import-version.ts";
import type { IndexCache } from "./index-cache.ts";
import { type PlainModel, type PlainVersion, readPlainLayout } from "./plain-layout.ts";
import { PlainRecords } from "./plain-record.ts";
import { ReadError, type RepositoryReader, type SourceLog } from "./repository-reader.ts";
import { SettledVersions } from "./settled-versions.ts";
import type { VersionCache } from "./version-cache.ts";
import { toWantedSet } from "./wanted-set.ts";

export interface PlainSourceParts {
  readonly reader: RepositoryReader;
  readonly cache: VersionCache;
  readonly kept: IndexCache;
  /** The model's name where version folders lie in the root. */
  readonly baseName: string;
  readonly limits: DownloadLimits;
  readonly buffer: Uint8Array;
  readonly pause: (point: string) => Promise<void>;
  readonly log: SourceLog;
  readonly settleMs: number;
  readonly nowMs: () => number;
}

/** A configuration as last read; `refusal` where it cannot be followed. */
interface KnownConfig {
  readonly stamp: string;
  /** The last one that could be read: a slip in the file must not unload anything. */
  readonly policy: TritonVersionPolicy;
  readonly config: TritonConfig | null;
  readonly refusal: string | null;
}

/** What a fingerprint stands for, as of the last reading. */
interface KnownVersion {
  readonly version: PlainVersion;
  readonly config: KnownConfig | null;
}

const LATEST_ONE: TritonVersionPolicy = { kind: "latest", count: 1 };
const MAX_CONFIG_BYTES = 1024 * 1024;

/**
 * A repository without an index.json: Triton's or TensorFlow Serving's layout, read and never
 * written. What a version is known by is the fingerprint of its files, in place of a manifest's hash.
 */
export class PlainSource {
  readonly #parts: PlainSourceParts;
  readonly #settled: SettledVersions;
  readonly #records: PlainRecords;
  readonly #configs = new Map<string, KnownConfig>();
  readonly #versions = new Map<string, KnownVersion>();
  /** Told or recalled. */
  #known: WantedSet | null = null;
  #isFirst = true;

  constructor(parts: PlainSourceParts) {
    this.#parts = parts;
    this.#settled = new SettledVersions(parts.settleMs);
    this.#records = new PlainRecords(parts.cache.root);
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
    const index = await this.#readKept();
    return index === null ? null : toWantedSet(index);
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
    if (config !== null && config.refusal !== null) throw new VetRefusal(config.refusal);
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
    for (const { name, versions } of known.models.values()) {
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
    for (const model of models.values()) {
      const config = await this.#readConfig(model, signal);
      for (const version of model.versions.values()) {
        this.#versions.set(version.fingerprint, { version, config });
      }
      const versions = settled.get(model.name) ?? new Map<number, string>();
      if (versions.size === 0) continue;
      const versionPolicy = config?.policy ?? LATEST_ONE;
      wanted.set(model.name, { name: model.name, versions, aliases: new Map(), versionPolicy });
    }
    return { generation: 0, models: wanted, removed: new Set() };
  }

  #forgetVersions(models: ReadonlyMap<string, PlainModel>): void {
    const listed = new Set<string>();
    for (const { versions } of models.values()) {
      for (const { fingerprint } of versions.values()) listed.add(fingerprint);
    }
    for (const known of this.#versions.keys()) if (!listed.has(known)) this.#versions.delete(known);
  }

  async #readConfig(model: PlainModel, signal: AbortSignal): Promise<KnownConfig | null> {
    if (model.config === null) return null;
    const { path, stamp } = model.config;
    const known = this.#configs.get(model.name);
    if (known?.stamp === stamp) return known;
    const snapshot = await this.#parts.reader.readIfChanged(path, null, MAX_CONFIG_BYTES, signal);
    const text = new TextDecoder().decode(snapshot?.bytes ?? new Uint8Array(0));
    const read = readConfigText(model.name, stamp, text, known?.policy ?? LATEST_ONE);
    this.#configs.set(model.name, read);
    this.#tellConfig(model.name, read);
    return read;
  }

  #tellConfig(model: string, { config, refusal }: KnownConfig): void {
    const { log } = this.#parts;
    if (refusal !== null) log.warn({ model, reason: refusal }, `${CONFIG_FILE} cannot be followed`);
    const notHonoured = config?.notHonoured ?? [];
    if (notHonoured.length > 0)
      log.warn({ model, notHonoured }, `${CONFIG_FILE} is not followed in all`);
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
    await this.#parts.kept.write(serializeDocument(toIndex(set))).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      this.#parts.log.warn(
        { code },
        "what was read cannot be kept for a start without the repository",
      );
    });
  }

  async #readKept(): Promise<RepositoryIndex | null> {
    try {
      const bytes = await this.#parts.kept.read();
      return bytes === null ? null : parseIndex(bytes);
    } catch {
      return null;
    }
  }
}

function readConfigText(
  model: string,
  stamp: string,
  text: string,
  policy: TritonVersionPolicy,
): KnownConfig {
  try {
    const config = parseTritonConfig(model, text);
    return { stamp, policy: config.versionPolicy, config, refusal: null };
  } catch (thrown) {
    if (!(thrown instanceof TritonConfigError)) throw thrown;
    return { stamp, policy, config: null, refusal: thrown.message };
  }
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

/** In the form of an index, so that one reader checks both; the policy is read anew. */
function toIndex({ generation, models }: WantedSet): RepositoryIndex {
  const entries = [...models.values()].map(({ name, versions }) => [
    name,
    {
      versions: Object.fromEntries(
        [...versions].map(([number, manifestSha256]) => [number, { manifestSha256 }]),
      ),
      aliases: { champion: Math.max(...versions.keys()) },
    },
  ]);
  return { schemaVersion: 1, generation, models: Object.fromEntries(entries), removed: [] };
}
