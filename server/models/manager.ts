import { DEFAULT_ALIAS } from "../../protocols/core/names.ts";
import { InferError } from "../../protocols/core/status.ts";
import { within } from "../lib/within.ts";
import { LoadOrder } from "./load-order.ts";
import { type Candidate, keyOf, MADE_ROOM, type MemoryRoom, NoRoom } from "./memory-room.ts";
import { isAtRest, ModelRecord, signatureBefore } from "./model-record.ts";
import type { Publisher } from "./publication.ts";
import { isEnoughServed, type ModelReadiness, type ReadinessRule } from "./readiness.ts";
import type { RoomPlan } from "./room-planner.ts";
import type { ServableId } from "./servable.ts";
import type { VersionStatus } from "./serving-map.ts";
import type { WantedModel, WantedSet } from "./source.ts";
import type { StateBus } from "./state-bus.ts";
import type { SwapPolicy } from "./swap-policy.ts";
import { Unloader } from "./unloader.ts";
import type { VersionBringer } from "./version-bringer.ts";
import type { VersionPolicy } from "./version-policy.ts";
import type { LoadedServable } from "./version-record.ts";
import { VersionRecord } from "./version-record.ts";
import { mergeWanted, surplusVersions } from "./wanted-versions.ts";

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
  readonly swapPolicy: (model: string) => SwapPolicy;
  readonly room: MemoryRoom<Channel>;
  readonly readiness: ReadinessRule;
  /** Memory came back, or a version waits to be tried again: what is wanted should be looked at. */
  readonly wake: () => void;
}

/** Longest that a swap or a cold load waits for what it pushed out; a run that hangs may hold it. */
const ROOM_WAIT_MS = 30_000;
const STILL_IN_USE = "what had to be unloaded first was still in use";

/**
 * Brings what is loaded to what is wanted, one step at a time. Loads run one after another; alias
 * moves between loaded versions take effect at once, also while a load is under way.
 * Lives on the control thread; never sees a request.
 */
export class Manager<Channel> {
  readonly #parts: ManagerParts<Channel>;
  readonly #models = new Map<string, ModelRecord<Channel>>();
  readonly #unloader: Unloader<Channel>;
  readonly #order: LoadOrder<Channel>;
  /** When a version that waits for room should be looked at again. */
  #lookAgainMs = Number.POSITIVE_INFINITY;
  #isSynced = false;
  #isReady = false;
  #published: Promise<void> = Promise.resolve();

  constructor(parts: ManagerParts<Channel>) {
    this.#parts = parts;
    this.#order = new LoadOrder(parts.room);
    const { bringer, publisher, onFault } = parts;
    this.#unloader = new Unloader({
      bringer,
      publisher,
      publish: () => {
        this.refresh();
        return this.#published;
      },
      onUnloaded: ({ id }) => {
        this.#forget(id.model);
        this.refresh();
        parts.wake();
      },
      onFault,
    });
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
    await this.#bring(next, signal);
    return true;
  }

  /** When a failed version should be tried again, epoch milliseconds; null when none waits. */
  nextRetryMs(): number | null {
    let next = this.#lookAgainMs;
    for (const record of this.#models.values()) {
      for (const version of this.#wantedRecords(record)) {
        if (version.state === "failed" && version.servable === null)
          next = Math.min(next, version.retryAtMs);
      }
    }
    return Number.isFinite(next) ? next : null;
  }

  /** Versions that failed for want of something outside of them are tried again at once. */
  retrySoon(): void {
    for (const { versions } of this.#models.values()) {
      for (const version of versions.values()) version.retrySoon();
    }
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
    for (const version of this.#wantedRecords(this.#recordOf(name))) {
      version.retryNow();
      const nowMs = this.#parts.nowMs();
      if (!version.isReady) this.#order.asks.add(version, Number.POSITIVE_INFINITY, nowMs);
    }
    this.refresh();
  }

  /** A request waits for a version that loads on request; many may. */
  ask(name: string, version: number, untilMs: number): void {
    const record = this.#models.get(name)?.versions.get(version);
    if (record?.isOnRequest === true) this.#order.asks.add(record, untilMs, this.#parts.nowMs());
  }

  /**
   * Takes a version that misbehaves out of service: its requests end as `unavailable`, `champion` falls
   * back to `previous` where that is ready, and it is tried again with growing pauses.
   */
  isolate(version: VersionRecord<Channel>, reason: string): void {
    if (!version.isReady) return;
    version.isolate(reason);
    this.#unloader.discard(version);
    this.#parts.wake();
  }

  /** null: not known. */
  statusOf({ model, version }: ServableId): VersionStatus | null {
    return this.#models.get(model)?.versions.get(version)?.status ?? null;
  }

  /** Bytes that loaded versions take, as far as known. */
  get usedBytes(): number {
    return this.#parts.room.usedBytes(this.#models.values());
  }

  inspectModels(): readonly ModelRecord<Channel>[] {
    return [...this.#models.values()];
  }

  /** Everything that is known of every version, for the admin port and metrics. */
  inspect(): readonly VersionRecord<Channel>[] {
    return [...this.#models.values()].flatMap((record) => [...record.versions.values()]);
  }

  /** Nothing of the model is under way or about to be: it serves, or explain() says why not. */
  isSettled(name: string): boolean {
    const nowMs = this.#parts.nowMs();
    return this.#wantedRecords(this.#recordOf(name)).every(
      (version) =>
        version.isReady ||
        (version.state === "failed" && !version.isLoadable(nowMs)) ||
        (version.isOnRequest && !this.#order.asks.has(version)),
    );
  }

  /** Resolves when every thread serves by the last publication. */
  get published(): Promise<void> {
    return this.#published;
  }

  /** Why a model does not serve, or null when its default version does. */
  explain(name: string): string | null {
    const record = this.#models.get(name);
    return record === undefined ? "it is not in the repository" : record.explain();
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
    // The others are the unloader's already, and a session is closed once.
    for (const version of all) if (version.isReady) this.#unloader.free(version);
    await this.#unloader.whenIdle();
  }

  /** Works out aliases anew and publishes the whole. */
  refresh(): void {
    for (const record of this.#models.values()) {
      if (this.#isSelected(record)) record.leadAliases();
      else record.aliases = new Map();
    }
    const served = [...this.#models.values()].flatMap((model) => this.#readinessOf(model) ?? []);
    this.#isReady ||= this.#isSynced && isEnoughServed(this.#parts.readiness, served);
    this.#published = this.#parts.publisher.publish({
      models: [...this.#models.values()].map((record) => record.publish()),
      isReady: this.#isReady,
    });
  }

  #want(model: WantedModel): void {
    const record = this.#models.get(model.name) ?? new ModelRecord<Channel>(model.name);
    this.#models.set(model.name, record);
    record.swapPolicy = this.#parts.swapPolicy(model.name);
    record.want(model, model.versionPolicy ?? this.#parts.versionPolicy(model.name));
    this.#addMissing(record);
  }

  #addMissing(record: ModelRecord<Channel>): void {
    const { bus, nowMs } = this.#parts;
    for (const version of record.selected) {
      const manifestSha256 = record.reading.versions.get(version) as string;
      const known = record.versions.get(version);
      if (known !== undefined && known.manifestSha256 === manifestSha256) continue;
      // A number never changes its bytes; should it, what is under way or loaded is finished first.
      if (known !== undefined && !isAtRest(known)) continue;
      const id = { model: record.name, version };
      record.versions.set(version, new VersionRecord(id, manifestSha256, bus, nowMs));
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

  /** What to bring up next, by turn; what cannot be now says why in its status. */
  #nextLoadable(): Candidate<Channel> | null {
    const { nowMs } = this.#parts;
    const wanted = (model: ModelRecord<Channel>) => this.#wantedRecords(model);
    const { next, putAside, lookAgainMs } = this.#order.turn(this.#models, wanted, nowMs());
    this.#lookAgainMs = lookAgainMs;
    for (const { candidate, plan } of putAside) this.#putAside(candidate, plan);
    return next;
  }

  #putAside(candidate: Candidate<Channel>, plan: RoomPlan): void {
    const { version } = candidate;
    const reason = this.#parts.room.explain(candidate, plan);
    if (plan.kind === "never") version.fail(reason, false);
    else version.putOff(reason);
    this.#order.asks.remove(version);
    this.refresh();
  }

  #plan(candidate: Candidate<Channel>): RoomPlan {
    return this.#parts.room.plan(candidate, this.#models.values());
  }

  #readinessOf(model: ModelRecord<Channel>): ModelReadiness | null {
    const wanted = this.#wantedRecords(model);
    if (wanted.length === 0) return null;
    return {
      name: model.name,
      isServed: model.readyVersions().length > 0 || wanted.every((version) => version.isAwaitable),
      isRefused: wanted.every((version) => version.retryAtMs === Number.POSITIVE_INFINITY),
    };
  }

  async #bring(candidate: Candidate<Channel>, signal: AbortSignal): Promise<void> {
    const { model, version } = candidate;
    await this.#parts.bringer.bring(
      {
        record: version,
        replaced: signatureBefore(model, version),
        onStep: () => this.refresh(),
        makeRoom: () => this.#makeRoom(candidate),
      },
      signal,
    );
    if (!version.isReady && version.state !== "unloaded") this.#addMissing(model);
    if (version.isReady || version.state === "failed") this.#order.asks.remove(version);
    this.refresh();
    await this.#published;
  }

  /** @throws NoRoom where it has to wait, Error where it cannot ever fit */
  async #makeRoom(candidate: Candidate<Channel>): Promise<void> {
    await this.#breakBefore(candidate);
    for (;;) {
      const plan = this.#plan(candidate);
      const { version } = candidate;
      if (plan.kind === "never") throw new Error(this.#parts.room.explain(candidate, plan));
      if (plan.kind !== "fits") {
        const isOnRequest = plan.kind === "full" || version.isOnRequest;
        throw new NoRoom(this.#parts.room.explain(candidate, plan), isOnRequest);
      }
      if (plan.evict.length === 0) return;
      await this.#evict(this.inspect().filter((each) => plan.evict.includes(keyOf(each))));
    }
  }

  /** swapPolicy resource: what serves now goes, and requests wait for what comes. */
  async #breakBefore({ model, version }: Candidate<Channel>): Promise<void> {
    if (model.swapPolicy !== "resource") return;
    if (version.id.version !== model.wanted.aliases.get(DEFAULT_ALIAS)) return;
    const old = [...model.versions.values()].filter(
      (each) => each.isReady && !model.selected.includes(each.id.version),
    );
    if (old.length === 0) return;
    version.isOnRequest = true;
    // Tried again it would end the service again.
    version.isLastTry = true;
    const unloads = old.map((each) => this.#unloader.start(each, null));
    await within(ROOM_WAIT_MS, Promise.all(unloads), STILL_IN_USE);
  }

  async #evict(victims: readonly VersionRecord<Channel>[]): Promise<void> {
    const unloads = victims.map((victim) => {
      victim.isOnRequest = true;
      return this.#unloader.start(victim, MADE_ROOM);
    });
    await within(ROOM_WAIT_MS, Promise.all(unloads), STILL_IN_USE);
  }

  #startSurplusUnload(record: ModelRecord<Channel>): boolean {
    const wanted = this.#isSelected(record) ? record.selected : [];
    const [surplus] = surplusVersions(wanted, record.aliases, record.readyVersions());
    if (surplus === undefined) return false;
    const version = record.versions.get(surplus) as VersionRecord<Channel>;
    void this.#unloader.start(version, null);
    return true;
  }

  #forget(name: string): void {
    const record = this.#models.get(name);
    if (record === undefined) return;
    record.dropForgotten();
    if (record.isForgotten) this.#models.delete(name);
  }
}
