import { DEFAULT_ALIAS, PREVIOUS_ALIAS } from "../../protocols/core/names.ts";
import type { ModelRecord } from "./model-record.ts";
import { planRoom, type Resident, type RoomPlan } from "./room-planner.ts";
import type { VersionRecord } from "./version-record.ts";

/** What the control thread can tell of the use of a loaded version, without a cost per request. */
export interface Usage {
  /** Requests waiting or running. */
  inFlight(slot: number): number;
  /** When a request was last seen to have finished, epoch milliseconds; 0: never. */
  lastUsedMs(slot: number): number;
}

export interface MemoryRoomParts {
  /** Bytes that loaded versions may take together; 0: no budget. */
  readonly maxModelBytes: number;
  /** Models that are never unloaded to make room. */
  readonly isPinned: (model: string) => boolean;
  readonly usage: Usage;
  readonly nowMs: () => number;
  readonly minResidentMs: number;
}

/** What the index says of a version that went. */
export const MADE_ROOM = "unloaded to make room; loads on request";

/** There is no room now; not a failure. */
export class NoRoom extends Error {
  /** It waits until a request asks for it; else it is tried again by itself. */
  readonly isOnRequest: boolean;

  constructor(message: string, isOnRequest: boolean) {
    super(message);
    this.name = "NoRoom";
    this.isOnRequest = isOnRequest;
  }
}

/** A version that is to be brought up. */
export interface Candidate<Channel> {
  readonly model: ModelRecord<Channel>;
  readonly version: VersionRecord<Channel>;
  /** Requests wait for it, or an operator asked. */
  readonly isAsked: boolean;
}

/** Applies the planner to what is loaded. */
export class MemoryRoom<Channel> {
  readonly #parts: MemoryRoomParts;

  constructor(parts: MemoryRoomParts) {
    this.#parts = parts;
  }

  isPinned(model: string): boolean {
    return this.#parts.isPinned(model);
  }

  /** What was asked for, first asked first, then pinned models, then the others. */
  inTurn(
    all: readonly Candidate<Channel>[],
    asked: readonly VersionRecord<Channel>[],
  ): readonly Candidate<Channel>[] {
    if (this.#parts.maxModelBytes === 0) return all;
    const turnOf = ({ model, version, isAsked }: Candidate<Channel>) => {
      if (isAsked) return asked.indexOf(version);
      return this.isPinned(model.name) ? asked.length : asked.length + 1;
    };
    return [...all].sort((a, b) => turnOf(a) - turnOf(b));
  }

  /** REQUIRES: the candidate's cost is known. */
  plan(candidate: Candidate<Channel>, models: Iterable<ModelRecord<Channel>>): RoomPlan {
    const { maxModelBytes, nowMs, minResidentMs } = this.#parts;
    const ask = {
      needBytes: candidate.version.costBytes ?? 0,
      budgetBytes: maxModelBytes,
      mayEvict: this.#mayEvict(candidate),
      nowMs: nowMs(),
      minResidentMs,
    };
    return planRoom(ask, this.#residents(candidate, models));
  }

  /** Bytes that versions take now, by what is known of each. */
  usedBytes(models: Iterable<ModelRecord<Channel>>): number {
    return residentsOf(models).reduce((sum, version) => sum + (version.costBytes ?? 0), 0);
  }

  /** Why a plan refuses, for the index and the log. */
  explain({ version }: Candidate<Channel>, plan: RoomPlan): string {
    const need = `it needs about ${version.costBytes} bytes`;
    const { maxModelBytes } = this.#parts;
    switch (plan.kind) {
      case "never":
        return `${need}; beside what must stay loaded (${plan.keptBytes} bytes) maxModelBytes ${maxModelBytes} leaves too little`;
      case "full":
        return `no room: ${need}, ${plan.freeBytes} of maxModelBytes ${maxModelBytes} are free; loads on request`;
      default:
        return `${need} and waits until others are idle (maxModelBytes ${maxModelBytes})`;
    }
  }

  /** A version that nobody asked for, and that takes over from none, does not push others out. */
  #mayEvict({ model, version, isAsked }: Candidate<Channel>): boolean {
    if (isAsked || this.isPinned(model.name)) return true;
    const isChampion = model.wanted.aliases.get(DEFAULT_ALIAS) === version.id.version;
    return isChampion && model.readyVersions().length > 0;
  }

  #residents(
    candidate: Candidate<Channel>,
    models: Iterable<ModelRecord<Channel>>,
  ): readonly Resident[] {
    const kept = keptFor(candidate.model);
    return residentsOf(models)
      .filter((version) => version !== candidate.version)
      .map((version) => {
        const { model, version: number } = version.id;
        const slot = version.servable?.info.slot ?? null;
        const isServing = model === candidate.model.name && kept.has(number);
        return {
          key: keyOf(version),
          bytes: version.costBytes ?? 0,
          isKept: isServing || this.isPinned(model),
          isInUse: slot !== null && this.#parts.usage.inFlight(slot) > 0,
          isMoving: !version.isReady,
          lastUsedMs: Math.max(
            version.readySinceMs,
            slot === null ? 0 : this.#parts.usage.lastUsedMs(slot),
          ),
          readySinceMs: version.readySinceMs,
        };
      });
  }
}

export function keyOf<Channel>({ id }: VersionRecord<Channel>): string {
  return `${id.model}/${id.version}`;
}

/** Versions that aliases lead to serve until the new one is ready; `previous` serves hardly anyone. */
function keptFor<Channel>(model: ModelRecord<Channel>): ReadonlySet<number> {
  const leading = [...model.aliases].filter(([alias]) => alias !== PREVIOUS_ALIAS);
  return new Set(leading.map(([, version]) => version));
}

function residentsOf<Channel>(models: Iterable<ModelRecord<Channel>>): VersionRecord<Channel>[] {
  return [...models].flatMap((model) =>
    [...model.versions.values()].filter((version) => version.takesMemory),
  );
}
