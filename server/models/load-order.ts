import { AskQueue } from "./ask-queue.ts";
import type { Candidate, MemoryRoom } from "./memory-room.ts";
import type { ModelRecord } from "./model-record.ts";
import type { RoomPlan } from "./room-planner.ts";
import type { VersionRecord } from "./version-record.ts";

/** A load call has no deadline of its own, and must not wait for room for ever. */
const MAX_WAIT_FOR_ROOM_MS = 60_000;

/** Who is next: the candidate to bring up, and those that cannot be now, with what stands against it. */
export interface Turn<Channel> {
  readonly next: Candidate<Channel> | null;
  readonly putAside: readonly { readonly candidate: Candidate<Channel>; readonly plan: RoomPlan }[];
  /** When one that waits for room should be looked at again, epoch milliseconds; Infinity for never. */
  readonly lookAgainMs: number;
}

/** In which order versions come into memory: what was asked for, then pinned models, then the others. */
export class LoadOrder<Channel> {
  readonly asks = new AskQueue<VersionRecord<Channel>>();
  readonly #room: MemoryRoom<Channel>;

  constructor(room: MemoryRoom<Channel>) {
    this.#room = room;
  }

  /** @param wanted of a model: its versions that should be loaded */
  turn(
    models: ReadonlyMap<string, ModelRecord<Channel>>,
    wanted: (model: ModelRecord<Channel>) => readonly VersionRecord<Channel>[],
    nowMs: number,
  ): Turn<Channel> {
    const putAside: { candidate: Candidate<Channel>; plan: RoomPlan }[] = [];
    let lookAgainMs = Number.POSITIVE_INFINITY;
    let isSomeoneFirst = false;
    for (const candidate of this.#candidates(models, wanted, nowMs)) {
      // First asked, first served: a smaller one behind it must not take what becomes free. What
      // nobody asked for, a new champion for one, does not wait for it.
      if (candidate.isAsked && isSomeoneFirst) continue;
      // What it takes is found out on the way.
      if (candidate.version.costBytes === null) return { next: candidate, putAside, lookAgainMs };
      const plan = this.#room.plan(candidate, models.values());
      if (plan.kind === "fits") return { next: candidate, putAside, lookAgainMs };
      if (plan.kind === "wait" && !this.#hasWaitedEnough(candidate, nowMs)) {
        lookAgainMs = Math.min(lookAgainMs, plan.untilMs);
        isSomeoneFirst ||= candidate.isAsked;
      } else {
        putAside.push({ candidate, plan });
      }
    }
    return { next: null, putAside, lookAgainMs };
  }

  #hasWaitedEnough({ version, isAsked }: Candidate<Channel>, nowMs: number): boolean {
    return isAsked && this.asks.waitedMs(version, nowMs) >= MAX_WAIT_FOR_ROOM_MS;
  }

  #candidates(
    models: ReadonlyMap<string, ModelRecord<Channel>>,
    wanted: (model: ModelRecord<Channel>) => readonly VersionRecord<Channel>[],
    nowMs: number,
  ): readonly Candidate<Channel>[] {
    const asked = this.asks.list(nowMs);
    const all: Candidate<Channel>[] = [];
    for (const model of models.values()) {
      for (const version of wanted(model)) {
        const isAsked = this.asks.has(version);
        const isPutOff = version.isOnRequest && !isAsked && version.state !== "failed";
        if (version.isLoadable(nowMs) && !isPutOff) all.push({ model, version, isAsked });
      }
    }
    return this.#room.inTurn(all, asked);
  }
}
