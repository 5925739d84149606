import { createDeferred, type Deferred } from "../lib/deferred.ts";

interface Gathering<T> {
  readonly wanted: number;
  readonly came: T[];
  readonly whole: Deferred<void>;
}

/** Answers of several threads to one question, waited for together and not for ever. */
export class Gatherings<T> {
  readonly #open = new Map<number, Gathering<T>>();
  #nextId = 1;

  /**
   * @param ask sends the question to each; answers name its `callId`
   * @returns what came within `timeoutMs`
   */
  async gather(
    wanted: number,
    timeoutMs: number,
    ask: (callId: number) => void,
  ): Promise<readonly T[]> {
    if (wanted === 0) return [];
    const callId = this.#nextId++;
    const gathering: Gathering<T> = { wanted, came: [], whole: createDeferred<void>() };
    this.#open.set(callId, gathering);
    const timer = setTimeout(() => gathering.whole.resolve(), timeoutMs);
    try {
      ask(callId);
      await gathering.whole.promise;
    } finally {
      clearTimeout(timer);
      this.#open.delete(callId);
    }
    return gathering.came;
  }

  /** What comes too late is dropped. */
  take(callId: number, answer: T): void {
    const gathering = this.#open.get(callId);
    if (gathering === undefined) return;
    gathering.came.push(answer);
    if (gathering.came.length >= gathering.wanted) gathering.whole.resolve();
  }
}
