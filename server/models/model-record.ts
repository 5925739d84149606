import type { VersionState } from "./lifecycle.ts";
import type { PublishedModel } from "./publication.ts";
import type { VersionStatus } from "./serving-map.ts";
import type { WantedModel } from "./source.ts";
import { ALIASES_ONLY, selectVersions, type VersionPolicy } from "./version-policy.ts";
import type { LoadedServable, VersionRecord } from "./version-record.ts";
import { withDefaultAlias } from "./wanted-versions.ts";

/** What the manager knows of one model: what is wanted of it, and its versions in their states. */
export class ModelRecord<Channel> {
  readonly name: string;
  readonly versions = new Map<number, VersionRecord<Channel>>();
  /** Where each alias leads now, to versions that are ready. */
  aliases: ReadonlyMap<string, number> = new Map();
  #reading: WantedModel;
  #wanted: WantedModel;
  #selected: readonly number[] = [];

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
    return this.#selected;
  }

  /** Takes a new reading; forgets versions that nothing wants and that hold nothing. */
  want(reading: WantedModel, policy: VersionPolicy): void {
    this.#reading = reading;
    this.#wanted = withDefaultAlias(reading, policy);
    this.#selected = selectVersions(this.#wanted, policy);
    this.dropForgotten();
  }

  wantNothing(): void {
    const { name } = this;
    const nothing = { name, versions: new Map(), aliases: new Map(), versionPolicy: null };
    this.want(nothing, ALIASES_ONLY);
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
    return { name, aliases, pendingAliases, versions, statuses: this.statuses() };
  }

  /** Drops versions that nothing wants and that hold nothing; what is under way is kept to its end. */
  dropForgotten(): void {
    const wanted = new Set(this.#selected);
    for (const [number, { state }] of this.versions) {
      if (isAtRest(state) && !wanted.has(number)) this.versions.delete(number);
    }
  }
}

/** Nothing of it is in memory, and nothing is under way. */
export function isAtRest(state: VersionState): boolean {
  return state === "absent" || state === "failed" || state === "unloaded";
}
