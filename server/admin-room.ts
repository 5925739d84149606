import { InferError } from "../protocols/core/status.ts";
import type { AuditEntry } from "./access/audit-record.ts";
import { describeSettings } from "./config/describe-config.ts";
import type { LoadedConfig } from "./config/load.ts";
import type { ModelRoom } from "./model-room.ts";
import type { ModelRecord } from "./models/model-record.ts";
import type { StateEvent } from "./models/state-bus.ts";
import type { LoadedServable, VersionRecord } from "./models/version-record.ts";
import type { VersionExplanation } from "./request/version-explanation.ts";
import type {
  AdminEvent,
  AdminExplanation,
  AdminModel,
  AdminStatus,
  AdminVersion,
  AdminView,
} from "./transport/admin/admin-view.ts";

export interface AdminRoomParts {
  readonly loaded: Pick<LoadedConfig, "config" | "origins">;
  readonly models: ModelRoom;
  readonly inFlight: (slot: number) => number;
  readonly explain: (servable: LoadedServable<unknown>) => Promise<VersionExplanation>;
  readonly isPinned: (model: string) => boolean;
  readonly about: Pick<AdminStatus, "repository" | "engine" | "transport">;
  readonly recordAudit: (entry: AuditEntry) => void;
}

/** What the admin port remembers; older events are in the log. */
const MAX_EVENTS = 1000;

/** Gathers what the admin port shows. Control thread. */
export class AdminRoom implements AdminView {
  readonly #parts: AdminRoomParts;
  readonly #startedAt = new Date().toISOString();
  readonly #events: AdminEvent[] = [];
  readonly #listeners = new Set<(event: AdminEvent) => void>();
  #lastId = 0;

  constructor(parts: AdminRoomParts) {
    this.#parts = parts;
    parts.models.bus.subscribe((event) => this.#take(event));
  }

  status(): AdminStatus {
    const { models, loaded, about } = this.#parts;
    return {
      isReady: models.manager.isReady,
      startedAt: this.#startedAt,
      ...about,
      modelBytes: models.manager.usedBytes,
      maxModelBytes: loaded.config.maxModelBytes,
    };
  }

  models(): readonly AdminModel[] {
    const { manager } = this.#parts.models;
    return manager.inspectModels().map((model) => this.#tellModel(model));
  }

  async explain(name: string, version: string | null): Promise<AdminExplanation> {
    const { models, loaded, explain } = this.#parts;
    const model = models.manager.inspectModels().find((each) => each.name === name);
    if (model === undefined) throw new InferError("model-not-found", `no model is named '${name}'`);
    const versions = versionsOf(model, version);
    const servables = versions.flatMap(({ servable }) => servable ?? []);
    const { inlineBudgetUs, maxQueueMs } = loaded.config;
    return {
      model: name,
      inlineBudgetUs,
      maxQueueMs,
      loaded: await Promise.all(servables.map(explain)),
      notLoaded: versions
        .filter(({ servable }) => servable === null)
        .map((each) => this.#tellVersion(each)),
    };
  }

  configuration(): ReturnType<AdminView["configuration"]> {
    return describeSettings(this.#parts.loaded);
  }

  eventsAfter(id: number): readonly AdminEvent[] {
    return this.#events.filter((event) => event.id > id);
  }

  onEvent(listener: (event: AdminEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  lookNow(principal: string): void {
    const { models, recordAudit } = this.#parts;
    models.reconciler.wake();
    recordAudit({
      actor: principal,
      action: "repository.poll",
      target: "repository",
      outcome: "ok",
      details: {},
    });
  }

  #tellModel(model: ModelRecord<unknown>): AdminModel {
    const aliases = [...model.wanted.aliases].map(([alias, wanted]) => {
      return [alias, { wanted, leadsTo: model.aliases.get(alias) ?? null }] as const;
    });
    return {
      name: model.name,
      aliases: Object.fromEntries(aliases),
      swapPolicy: model.swapPolicy,
      isPinned: this.#parts.isPinned(model.name),
      versions: versionsOf(model, null).map((version) => this.#tellVersion(version)),
    };
  }

  #tellVersion(version: VersionRecord<unknown>): AdminVersion {
    const { state, reason } = version.status;
    const slot = version.servable?.info.slot ?? null;
    const isTriedAgain = state === "failed" && Number.isFinite(version.retryAtMs);
    return {
      version: version.id.version,
      state,
      reason,
      since: isoOf(version.sinceMs),
      costBytes: version.costBytes,
      isLoaded: version.servable !== null,
      loadsOnRequest: version.isAwaitable,
      isOnProbation: version.isOnProbation,
      inFlight: slot === null ? 0 : this.#parts.inFlight(slot),
      retryAt: isTriedAgain ? isoOf(version.retryAtMs) : null,
    };
  }

  #take({ id, from, to, reason, atMs }: StateEvent): void {
    this.#lastId += 1;
    const event = { id: this.#lastId, at: isoOf(atMs), ...id, from, to, reason };
    this.#events.push(event);
    if (this.#events.length > MAX_EVENTS) this.#events.shift();
    for (const listener of this.#listeners) listener(event);
  }
}

/** Oldest first. @param version number or alias; null: all */
function versionsOf(
  model: ModelRecord<unknown>,
  version: string | null,
): readonly VersionRecord<unknown>[] {
  const all = [...model.versions.values()].sort((a, b) => a.id.version - b.id.version);
  if (version === null) return all;
  const wanted = model.aliases.get(version) ?? Number(version);
  const found = all.filter(({ id }) => id.version === wanted);
  if (found.length > 0) return found;
  throw new InferError(
    "version-not-found",
    `model '${model.name}' has no version '${version.slice(0, 100)}'`,
  );
}

function isoOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}
