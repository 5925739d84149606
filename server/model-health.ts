import type { Logger } from "./lib/log.ts";
import {
  type HealthMemory,
  hasProved,
  judgeHealth,
  type Misbehaviour,
  rememberHealth,
  type Vitals,
} from "./models/health-judge.ts";
import type { Manager } from "./models/manager.ts";
import type { ServableKey } from "./models/servable.ts";
import type { VersionRecord } from "./models/version-record.ts";

export interface ModelHealthParts<Channel> {
  readonly manager: Manager<Channel>;
  /** What serving threads counted for a loaded version; `lostThreads` is not theirs to tell. */
  readonly vitals: (slot: number) => Omit<Vitals, "lostThreads">;
  readonly maxRunMs: () => number;
  readonly nowMs: () => number;
  readonly log: Logger;
  readonly onIsolated: (kind: Misbehaviour) => void;
}

const LOOK_MS = 500;

/**
 * Looks at every loaded version twice a second, from counters that are kept anyway, and isolates one
 * that misbehaves. Control thread.
 */
export class ModelHealth<Channel> {
  readonly #parts: ModelHealthParts<Channel>;
  readonly #memories = new Map<ServableKey, HealthMemory>();
  readonly #lostThreads = new Map<ServableKey, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(parts: ModelHealthParts<Channel>) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** An engine thread of a version ended by itself. */
  countLoss(key: ServableKey): void {
    this.#lostThreads.set(key, (this.#lostThreads.get(key) ?? 0) + 1);
  }

  look(): void {
    const living = new Set<ServableKey>();
    for (const version of this.#parts.manager.inspect()) {
      const info = version.servable?.info;
      if (info === undefined) continue;
      living.add(info.key);
      if (version.isReady) this.#judge(version, info.key, info.slot);
    }
    for (const memories of [this.#memories, this.#lostThreads]) {
      for (const key of memories.keys()) if (!living.has(key)) memories.delete(key);
    }
  }

  #judge(version: VersionRecord<Channel>, key: ServableKey, slot: number): void {
    const { manager, nowMs, maxRunMs, vitals, log, onIsolated } = this.#parts;
    const lostThreads = this.#lostThreads.get(key) ?? 0;
    const now = { ...vitals(slot), lostThreads };
    const before = this.#memories.get(key) ?? rememberHealth({ ...now, lostThreads: 0 }, nowMs());
    const limits = { maxRunMs: maxRunMs(), isOnProbation: version.isOnProbation };
    const { memory, verdict } = judgeHealth(before, now, nowMs(), limits);
    this.#memories.set(key, memory);
    if (verdict === null) {
      if (version.isOnProbation && hasProved(memory)) version.endProbation();
      return;
    }
    log.error({ ...version.id, kind: verdict.kind, ...now }, "a version misbehaves: isolated");
    onIsolated(verdict.kind);
    manager.isolate(version, verdict.reason);
  }
}
