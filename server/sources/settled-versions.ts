import type { PlainModel } from "./plain-layout.ts";

interface Seen {
  fingerprint: string;
  sinceMs: number;
  /** The last one that stood still; null: none yet. */
  settled: string | null;
}

/**
 * Which versions have stopped changing: two readings at least `settleMs` apart that say the same of
 * every file. Whoever copies a version into the repository writes it bit by bit; nothing else there
 * says when they are done. A version that settled once keeps what it was until it settles again.
 */
export class SettledVersions {
  readonly #settleMs: number;
  readonly #seen = new Map<string, Seen>();
  #isWaiting = false;

  constructor(settleMs: number) {
    this.#settleMs = settleMs;
  }

  /** Something changed at the last reading and may have settled by the next. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Takes it as settled: it was when this server last ran. */
  remember(model: string, version: number, fingerprint: string): void {
    this.#seen.set(`${model}/${version}`, { fingerprint, sinceMs: 0, settled: fingerprint });
  }

  /**
   * Takes a reading; gives the fingerprints of settled versions by model and number.
   * @param nowMs any clock that does not jump
   */
  read(
    models: ReadonlyMap<string, PlainModel>,
    nowMs: number,
  ): ReadonlyMap<string, ReadonlyMap<number, string>> {
    this.#isWaiting = false;
    const settled = new Map<string, ReadonlyMap<number, string>>();
    const listed = new Set<string>();
    for (const { name, versions } of models.values()) {
      const ofModel = new Map<number, string>();
      for (const [number, { fingerprint }] of versions) {
        listed.add(`${name}/${number}`);
        const known = this.#look(`${name}/${number}`, fingerprint, nowMs);
        if (known !== null) ofModel.set(number, known);
      }
      settled.set(name, ofModel);
    }
    for (const key of this.#seen.keys()) if (!listed.has(key)) this.#seen.delete(key);
    return settled;
  }

  #look(key: string, fingerprint: string, nowMs: number): string | null {
    const seen = this.#seen.get(key);
    if (seen === undefined || seen.fingerprint !== fingerprint) {
      const settled = seen?.settled ?? null;
      this.#seen.set(key, { fingerprint, sinceMs: nowMs, settled });
      this.#isWaiting = true;
      return settled;
    }
    if (nowMs - seen.sinceMs >= this.#settleMs) seen.settled = fingerprint;
    else if (seen.settled !== fingerprint) this.#isWaiting = true;
    return seen.settled;
  }
}
