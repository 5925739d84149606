import { DEFAULT_ALIAS, PREVIOUS_ALIAS } from "../../protocols/core/names.ts";
import type { Signature } from "../../protocols/core/signature.ts";
import type { PublishedModel } from "./publication.ts";
import type { OnRequest, VersionStatus } from "./serving-map.ts";
import type { WantedModel } from "./source.ts";
import type { SwapPolicy } from "./swap-policy.ts";
import { ALIASES_ONLY, selectVersions, type VersionPolicy } from "./version-policy.ts";
import type { LoadedServable, VersionRecord } from "./version-record.ts";
import { effectiveAliases, withDefaultAlias } from "./wanted-versions.ts";

const NONE_ON_REQUEST: readonly (readonly [string, OnRequest])[] = [];

/** What the manager knows of one model: what is wanted of it, and its versions in their states. */
export class ModelRecord<Channel> {
  readonly name: string;
  readonly versions = new Map<number, VersionRecord<Channel>>();
  /** Where each alias leads now, to versions that are ready. */
  aliases: ReadonlyMap<string, number> = new Map();
  swapPolicy: SwapPolicy = "availability";
  #reading: WantedModel;
  #wanted: WantedModel;
  #selected: readonly number[] = [];
  #lastChampion: number | null = null;

  constructor(name: string) {
    this.name = name;
    this.#reading = { name, versions: new Map(), aliases: new Map(), versionPolicy: null };
    this.#wanted = this.#reading;
  }

  /** As the repository has it. */
  get reading(): WantedModel {
    return this.#reading;
  }

  /** The reading, with a champion where the policy makes one. */
  get wanted(): WantedModel {
    return this.#wanted;
  }

  /** Versions that should be loaded, in the order in which they are brought up. */
  get selected(): readonly number[] {
    const standIn = this.#standIn();
    return standIn === null ? this.#selected : [...this.#selected, standIn];
  }

  /** What the champion led to last. */
  get lastChampion(): number | null {
    return this.#lastChampion;
  }

  /** Takes a new reading; forgets versions that nothing wants and that hold nothing. */
  want(reading: WantedModel, policy: VersionPolicy): void {
    this.#reading = reading;
    this.#wanted = withDefaultAlias(reading, policy);
    this.#selected = selectVersions(this.#inMemory(), policy);
    this.dropForgotten();
  }

  wantNothing(): void {
    const { name } = this;
    const nothing = { name, versions: new Map(), aliases: new Map(), versionPolicy: null };
    this.want(nothing, ALIASES_ONLY);
  }

  /** Works out anew where aliases lead. */
  leadAliases(): void {
    const isReady = (version: number) => this.isReady(version);
    const isOnRequest = (version: number) => this.versions.get(version)?.isAwaitable ?? false;
    const standIn = this.swapPolicy === "resource" ? this.#lastChampion : null;
    this.aliases = effectiveAliases(this.#wanted, this.aliases, isReady, isOnRequest, standIn);
    this.#lastChampion = this.aliases.get(DEFAULT_ALIAS) ?? this.#lastChampion;
  }

  /** Nothing is wanted of it and nothing is left of it. */
  get isForgotten(): boolean {
    return this.#selected.length === 0 && this.versions.size === 0 && this.aliases.size === 0;
  }

  isReady(version: number): boolean {
    return this.versions.get(version)?.isReady ?? false;
  }

  readyVersions(): readonly number[] {
    return [...this.versions.values()].filter((v) => v.isReady).map((v) => v.id.version);
  }

  /** Why it does not serve, or null when its default version does. */
  explain(): string | null {
    if (this.aliases.has(DEFAULT_ALIAS)) return null;
    const states = [...this.versions.values()].map(({ status }) => {
      const why = status.reason === null ? "" : `: ${status.reason}`;
      return `version ${status.version} ${status.state}${why}`;
    });
    return states.join("; ") || "it has no version";
  }

  statuses(): readonly VersionStatus[] {
    return [...this.versions.values()]
      .map((version) => version.status)
      .sort((a, b) => a.version - b.version);
  }

  publish(): PublishedModel<Channel> {
    const { name, aliases } = this;
    const versions = new Map<number, LoadedServable<Channel>>();
    for (const [number, version] of [...this.versions].sort(([a], [b]) => a - b)) {
      if (version.isReady && version.servable !== null) versions.set(number, version.servable);
    }
    const pendingAliases = [...this.#wanted.aliases.keys()].filter((alias) => !aliases.has(alias));
    const onRequest = this.#onRequest();
    return { name, aliases, pendingAliases, onRequest, versions, statuses: this.statuses() };
  }

  /** Numbers, and aliases that lead nowhere yet, of versions that a request may wait for. */
  #onRequest(): readonly (readonly [string, OnRequest])[] {
    const waiting = new Map<number, OnRequest>();
    for (const { id, isAwaitable, report } of this.versions.values()) {
      if (!isAwaitable) continue;
      waiting.set(id.version, { version: id.version, signature: report?.signature ?? null });
    }
    if (waiting.size === 0) return NONE_ON_REQUEST;
    const aliases = [...this.#wanted.aliases].flatMap(([alias, target]) => {
      const onRequest = this.aliases.has(alias) ? undefined : waiting.get(target);
      return onRequest === undefined ? [] : [[alias, onRequest] as const];
    });
    return [...[...waiting].map(([version, each]) => [String(version), each] as const), ...aliases];
  }

  /** Under `resource`, what only `previous` leads to waits on the disk. */
  #inMemory(): WantedModel {
    if (this.swapPolicy === "availability") return this.#wanted;
    const aliases = new Map(this.#wanted.aliases);
    aliases.delete(PREVIOUS_ALIAS);
    return { ...this.#wanted, aliases };
  }

  /** Under `resource`: the old champion comes back when the new one, for which it went, failed. */
  #standIn(): number | null {
    const champion = this.#wanted.aliases.get(DEFAULT_ALIAS);
    const last = this.#lastChampion;
    if (this.swapPolicy === "availability" || champion === undefined || last === null) return null;
    const hasFailed = this.versions.get(champion)?.state === "failed";
    return hasFailed && this.#reading.versions.has(last) ? last : null;
  }

  /** Drops versions that nothing wants and that hold nothing; what is under way is kept to its end. */
  dropForgotten(): void {
    const wanted = new Set(this.selected);
    for (const [number, version] of this.versions) {
      if (isAtRest(version) && !wanted.has(number)) this.versions.delete(number);
    }
  }
}

/** Nothing of it is in memory, and nothing is under way. */
export function isAtRest<Channel>({ state, servable }: VersionRecord<Channel>): boolean {
  // What was isolated may still hold its memory.
  if (servable !== null) return false;
  return state === "absent" || state === "failed" || state === "unloaded";
}

/** The signature that clients of the champion know, where `version` takes over from an older one. */
export function signatureBefore<Channel>(
  { wanted, aliases, versions }: ModelRecord<Channel>,
  { id }: VersionRecord<Channel>,
): Signature | null {
  const serving = aliases.get(DEFAULT_ALIAS);
  const takesOver = id.version === wanted.aliases.get(DEFAULT_ALIAS) && serving !== undefined;
  // A rollback goes to a lower number, and back to what clients knew.
  if (!takesOver || id.version < serving) return null;
  return versions.get(serving)?.report?.signature ?? null;
}
