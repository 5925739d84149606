/** One model's champion: what the repository names, and what requests reach; null: none. */
export interface ChampionReading {
  readonly model: string;
  readonly wanted: number | null;
  readonly leadsTo: number | null;
}

interface Watched {
  readonly wanted: number | null;
  readonly leadsTo: number | null;
  /** When the index named the champion that is not yet served; null: no swap is under way. */
  readonly sinceMs: number | null;
}

/**
 * Measures swaps: from an index that names another champion until requests reach it. A model's first
 * version is no swap, nor is a champion that comes back after a fault. Control thread.
 */
export class SwapTimer {
  readonly #onSwap: (tookMs: number) => void;
  #watched = new Map<string, Watched>();

  constructor(onSwap: (tookMs: number) => void) {
    this.#onSwap = onSwap;
  }

  /** The index was read; `champions` are all that it names. */
  takeIndex(champions: readonly ChampionReading[], nowMs: number): void {
    const watched = champions.map(({ model, wanted, leadsTo }) => {
      const before = this.#watched.get(model);
      if (before === undefined) return [model, { wanted, leadsTo, sinceMs: null }] as const;
      if (before.wanted === wanted) return [model, before] as const;
      const isSwap = before.leadsTo !== null && wanted !== null && before.leadsTo !== wanted;
      const sinceMs = isSwap ? nowMs : null;
      return [model, { wanted, leadsTo: before.leadsTo, sinceMs }] as const;
    });
    this.#watched = new Map(watched);
  }

  /** What is served may have changed, on every thread. */
  takeServed(champions: readonly ChampionReading[], nowMs: number): void {
    for (const { model, leadsTo } of champions) {
      const before = this.#watched.get(model);
      if (before === undefined) continue;
      const { wanted, sinceMs } = before;
      const isDone = sinceMs !== null && leadsTo === wanted;
      if (isDone) this.#onSwap(Math.max(0, nowMs - sinceMs));
      this.#watched.set(model, { wanted, leadsTo, sinceMs: isDone ? null : sinceMs });
    }
  }
}
