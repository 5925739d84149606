import { connectServable } from "../engine/connect.ts";
import type { ConnectedServable } from "../engine/connected-servable.ts";
import { LeaseCounter } from "../models/lease.ts";
import type { ServableKey } from "../models/servable.ts";
import { type OnRequest, ServingMap, type ServingModel } from "../models/serving-map.ts";
import type { ThreadExplanation } from "../request/version-explanation.ts";
import type { ModelNotice, ServableNotice, ToThread } from "./messages.ts";

const NONE_ON_REQUEST: ReadonlyMap<string, OnRequest> = new Map();

interface Held {
  readonly counter: LeaseCounter;
  readonly connected: ConnectedServable;
}

/**
 * What one thread serves: swaps its map whole at each publication, and reports a version that no
 * map leads to once its last lease on this thread is gone.
 */
export class ThreadServing {
  readonly #held = new Map<ServableKey, Held>();
  /** In no map any more, with leases that are not released yet. */
  readonly #retiring = new Map<ServableKey, Held>();
  readonly #onReleased: (key: ServableKey) => void;
  #map: ServingMap = ServingMap.EMPTY;

  constructor(onReleased: (key: ServableKey) => void) {
    this.#onReleased = onReleased;
  }

  get map(): ServingMap {
    return this.#map;
  }

  apply(publication: Extract<ToThread, { kind: "publish" }>): void {
    for (const notice of publication.added) this.#add(notice);
    const models = new Map(publication.models.map((notice) => [notice.name, this.#model(notice)]));
    this.#map = new ServingMap(publication.generation, models);
    const referenced = new Set(
      publication.models.flatMap((notice) => notice.versions.map(([, key]) => key)),
    );
    for (const [key, held] of this.#held) if (!referenced.has(key)) this.#retire(key, held);
  }

  #add({ info, channel }: ServableNotice): void {
    const connected = connectServable(info, channel);
    this.#held.set(info.key, { connected, counter: new LeaseCounter(connected) });
  }

  #retire(key: ServableKey, held: Held): void {
    this.#held.delete(key);
    this.#retiring.set(key, held);
    held.counter.retire(() => {
      if (this.#retiring.delete(key)) held.connected.close();
      this.#onReleased(key);
    });
  }

  /** Ends what is in flight there: its leases are released as the requests fail. */
  abandon(key: ServableKey): void {
    const held = this.#retiring.get(key);
    this.#retiring.delete(key);
    held?.connected.close();
  }

  /** null: not held here. */
  explain(key: ServableKey, nowEpochMs: number): Omit<ThreadExplanation, "thread"> | null {
    const held = this.#held.get(key) ?? this.#retiring.get(key);
    if (held === undefined) return null;
    const { connected, counter } = held;
    return {
      predictedWaitMs: connected.predictDrainMs(),
      classes: connected.explainClasses(),
      slowest: counter.slowest.read(nowEpochMs),
    };
  }

  #model(notice: ModelNotice): ServingModel {
    const versions = new Map<number, LeaseCounter>();
    for (const [version, key] of notice.versions) {
      const held = this.#held.get(key);
      if (held === undefined) throw new Error(`publication names the unknown servable ${key}`);
      versions.set(version, held.counter);
    }
    return {
      name: notice.name,
      aliases: new Map(notice.aliases),
      pendingAliases: new Set(notice.pendingAliases),
      onRequest: notice.onRequest.length === 0 ? NONE_ON_REQUEST : new Map(notice.onRequest),
      versions,
      statuses: notice.statuses,
    };
  }
}
