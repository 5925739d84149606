import { DEFAULT_ALIAS } from "../../protocols/core/names.ts";
import { InferError } from "../../protocols/core/status.ts";
import { isAtRest, ModelRecord } from "./model-record.ts";
import type { Publisher } from "./publication.ts";
import type { VersionStatus } from "./serving-map.ts";
import type { WantedModel, WantedSet } from "./source.ts";
import type { StateBus } from "./state-bus.ts";
import type { VersionBringer } from "./version-bringer.ts";
import type { VersionPolicy } from "./version-policy.ts";
import type { LoadedServable } from "./version-record.ts";
import { VersionRecord } from "./version-record.ts";
import { effectiveAliases, mergeWanted, surplusVersions } from "./wanted-versions.ts";

export interface ManagerParts<Channel> {
  readonly bringer: VersionBringer<Channel>;
  readonly publisher: Publisher<Channel>;
  readonly bus: StateBus;
  readonly nowMs: () => number;
  /** An unload that failed; its memory may be lost. */
  readonly onFault: (thrown: unknown) => void;
  /** Only models named here load; null: all that the repository names. */
  readonly explicit: Set<string> | null;
  /** The server's policy for a model, where its repository has none. */
  readonly versionPolicy: (model: string) => VersionPolicy;
}

/**
 * Brings what is loaded to what is wanted, one step at a time. Loads run one after another; alias
 * moves between loaded versions take effect at once, also while a load is under way.
 * Lives on the control thread; never sees a request.
 */
export class Manager<Channel> {
  readonly #parts: ManagerParts<Channel>;
  readonly #models = new Map<string, ModelRecord<Channel>>();
  readonly #unloading = new Set<Promise<void>>();
  #isSynced = false;
  #isReady = false;
  #published: Promise<void> = Promise.resolve();

  constructor(parts: ManagerParts<Channel>) {
    this.#parts = parts;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  /** Takes a new reading of the repository. Aliases move at once; loads happen in reconcileOnce. */
  setWanted(set: WantedSet): void {
    const before = new Map([...this.#models].map(([name, record]) => [name, record.reading]));
    const merged = mergeWanted(before, set);
    for (const name of this.#models.keys()) {
      if (!merged.has(name)) this.#wantNothing(name);
    }
    for (const model of merged.values()) this.#want(model);
    this.#isSynced = true;
    this.refresh();
  }

  /**
   * Does one thing towards the wanted state: brings one version, or starts one unload.
   * Returns false when there was nothing to do.
   */
  async reconcileOnce(signal: AbortSignal): Promise<boolean> {
    for (const record of this.#models.values()) {
      if (this.#startSurplusUnload(record)) return true;
    }
    const next = this.#nextLoadable();
    if (next === null) return false;
    await this.#bring(next.model, next.version, signal);
    return true;
  }

  /** When a failed version should be tried again, epoch milliseconds; null when none waits. */
  nextRetryMs(): number | null {
    let next = Number.POSITIVE_INFINITY;
    for (const record of this.#models.values()) {
      for (const version of this.#wantedRecords(record)) {
        if (version.state === "failed") next = Math.min(next, version.retryAtMs);
      }
    }
    return Number.isFinite(next) ? next : null;
  }

  /** Explicit mode. @throws InferError `conflict`, `model-not-found`. */
  steer(action: "load" | "unload", name: string): void {
    const { explicit } = this.#parts;
    if (explicit === null) {
      throw new InferError(
        "conflict",
        "loading and unloading by call needs modelControlMode explicit (--model-control-mode=explicit)",
      );
    }
    this.#recordOf(name);
    if (action === "load") explicit.add(name);
    else explicit.delete(name);
    // Asking again is a wish to try again, also what failed for good.
    for (const version of this.#wantedRecords(this.#recordOf(name))) version.retryNow();
    this.refresh();
  }

  /** Nothing of the model is under way or about to be: it serves, or explain() says why not. */
  isSettled(name: string): boolean {
    const nowMs = this.#parts.nowMs();
    return this.#wantedRecords(this.#recordOf(name)).every(
      (version) => version.isReady || (version.state === "failed" && !version.isLoadable(nowMs)),
    );
  }

  /** Resolves when every thread serves by the last publication. */
  get published(): Promise<void> {
    return this.#published;
  }

  /** Why a model does not serve, or null when its default version does. */
  explain(name: string): string | null {
    const record = this.#models.get(name);
    if (record === undefined) return "it is not in the repository";
    if (record.aliases.has(DEFAULT_ALIAS)) return null;
    const states = [...record.versions.values()].map(
      (v) =>
        `version ${v.id.version} ${v.state}${v.status.reason === null ? "" : `: ${v.status.reason}`}`,
    );
    return states.join("; ") || "it has no version";
  }

  /** Versions in memory, draining ones too. */
  loaded(): readonly LoadedServable<Channel>[] {
    return [...this.#models.values()].flatMap((record) =>
      [...record.versions.values()].flatMap((version) => version.servable ?? []),
    );
  }

  statuses(): readonly { readonly model: string; readonly status: VersionStatus }[] {
    return [...this.#models].flatMap(([model, record]) =>
      record.statuses().map((status) => ({ model, status })),
    );
  }

  /** Unloads everything; resolves when all memory is back. REQUIRES: no thread serves any more. */
  async unloadAll(): Promise<void> {
    const all = [...this.#models.values()].flatMap((record) => [...record.versions.values()]);
    await Promise.all(all.map((version) => version.servable?.loaded.unload()));
    await Promise.all(this.#unloading);
  }

  /** Works out aliases anew and publishes the whole. */
  refresh(): void {
    for (const record of this.#models.values()) {
      record.aliases = this.#isSelected(record)
        ? effectiveAliases(record.wanted, record.aliases, (v) => record.isReady(v))
        : new Map();
    }
    this.#isReady ||= this.#isSynced && this.#allServe();
    this.#published = this.#parts.publisher.publish({
      models: [...this.#models.values()].map((record) => record.publish()),
      isReady: this.#isReady,
    });
  }

  #want(model: WantedModel): void {
    const record = this.#models.get(model.name) ?? new ModelRecord<Channel>(model.name);
    this.#models.set(model.name, record);
    record.want(model, model.versionPolicy ?? this.#parts.versionPolicy(model.name));
    for (const version of record.selected) {
      const manifestSha256 = model.versions.get(version) as string;
      const known = record.versions.get(version);
      if (known !== undefined && known.manifestSha256 === manifestSha256) continue;
      // A number never changes its bytes; should it, what is under way or loaded is finished first.
      if (known !== undefined && !isAtRest(known.state)) continue;
      const id = { model: model.name, version };
      record.versions.set(version, new VersionRecord(id, manifestSha256, this.#parts.bus));
    }
  }

  #wantNothing(name: string): void {
    const record = this.#models.get(name) as ModelRecord<Channel>;
    record.wantNothing();
    if (record.versions.size === 0) this.#models.delete(name);
  }

  #recordOf(name: string): ModelRecord<Channel> {
    const record = this.#models.get(name);
    if (record !== undefined) return record;
    throw new InferError("model-not-found", `the repository has no model named '${name}'`);
  }

  #isSelected(record: ModelRecord<Channel>): boolean {
    return this.#parts.explicit === null || this.#parts.explicit.has(record.name);
  }

  #wantedRecords(record: ModelRecord<Channel>): VersionRecord<Channel>[] {
    if (!this.#isSelected(record)) return [];
    return record.selected.flatMap((v) => record.versions.get(v) ?? []);
  }

  #nextLoadable(): { model: ModelRecord<Channel>; version: VersionRecord<Channel> } | null {
    const nowMs = this.#parts.nowMs();
    for (const model of this.#models.values()) {
      for (const version of this.#wantedRecords(model)) {
        if (version.isLoadable(nowMs)) return { model, version };
      }
    }
    return null;
  }

  /**
   * Every wanted model serves; one that was refused for good does not hold up the others, but where
   * models are wanted at least one must serve.
   */
  #allServe(): boolean {
    const wanted = [...this.#models.values()].filter(
      (record) => this.#wantedRecords(record).length > 0,
    );
    const isRefused = (record: ModelRecord<Channel>) =>
      this.#wantedRecords(record).every(
        (version) => version.retryAtMs === Number.POSITIVE_INFINITY,
      );
    const waiting = wanted.filter((record) => record.readyVersions().length === 0);
    return waiting.every(isRefused) && (wanted.length === 0 || waiting.length < wanted.length);
  }

  async #bring(
    model: ModelRecord<Channel>,
    version: VersionRecord<Channel>,
    signal: AbortSignal,
  ): Promise<void> {
    const champion = model.wanted.aliases.get(DEFAULT_ALIAS);
    const serving = model.aliases.get(DEFAULT_ALIAS);
    // A rollback goes to a lower number, and back to what clients knew.
    const takesOver = version.id.version === champion && serving !== undefined;
    const replaced =
      takesOver && version.id.version > serving
        ? (model.versions.get(serving)?.report?.signature ?? null)
        : null;
    await this.#parts.bringer.bring(version, replaced, () => this.refresh(), signal);
    this.refresh();
    await this.#published;
  }

  #startSurplusUnload(record: ModelRecord<Channel>): boolean {
    const wanted = this.#isSelected(record) ? record.selected : [];
    const [surplus] = surplusVersions(wanted, record.aliases, record.readyVersions());
    if (surplus === undefined) return false;
    const version = record.versions.get(surplus) as VersionRecord<Channel>;
    version.enter("draining");
    this.refresh();
    const unloading = this.#unload(version)
      .catch((thrown: unknown) => this.#parts.onFault(thrown))
      .finally(() => this.#unloading.delete(unloading));
    this.#unloading.add(unloading);
    return true;
  }

  /** Waits for every thread to let go, then frees. Runs beside further steps. */
  async #unload(version: VersionRecord<Channel>): Promise<void> {
    const servable = version.servable as LoadedServable<Channel>;
    await this.#published;
    await this.#parts.publisher.whenReleased(servable);
    await servable.loaded.unload();
    this.#parts.bringer.forget(servable);
    version.servable = null;
    version.enter("unloaded");
    this.#forget(version.id.model);
    this.refresh();
  }

  #forget(name: string): void {
    const record = this.#models.get(name);
    if (record === undefined) return;
    record.dropForgotten();
    if (record.isForgotten) this.#models.delete(name);
  }
}
