import type { RepositoryIndex } from "../../protocols/repository/schemas.ts";
import type { RepositoryStore } from "../publish/repository-store.ts";
import { readIndex } from "../publish/update-index.ts";
import { fetchChampion, type RepositoryChampion } from "./champions.ts";

const FRESH_MS = 2_000;

/** What the repository says, as of at most two seconds ago; as it last said while it is away. */
export class RepositoryView {
  readonly #store: RepositoryStore;
  readonly #home: string;
  readonly #warn: (message: string) => void;
  #champions = new Map<string, RepositoryChampion>();
  #readAtMs = Number.NEGATIVE_INFINITY;
  #isAway = false;
  #generation = 0;

  constructor(store: RepositoryStore, home: string, warn: (message: string) => void) {
    this.#store = store;
    this.#home = home;
    this.#warn = warn;
  }

  /** Looks again at the next question. */
  forget(): void {
    this.#readAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Champions by model; a model without one is not in it. */
  async champions(
    models: readonly string[],
    nowMs: number,
  ): Promise<ReadonlyMap<string, RepositoryChampion>> {
    if (nowMs - this.#readAtMs < FRESH_MS) return this.#champions;
    try {
      const index = await readIndex(this.#store);
      // A volume that is not mounted looks like an empty repository.
      if (index.generation < this.#generation) {
        throw new Error(
          `index.json went back from generation ${this.#generation} to ${index.generation}`,
        );
      }
      this.#generation = index.generation;
      this.#champions = await this.#fetch(index, models);
      this.#isAway = false;
    } catch (error) {
      // Unknown is not "no champion": the last answer stands.
      if (!this.#isAway) {
        const why = error instanceof Error ? error.message : String(error);
        this.#warn(`the model repository cannot be read (${why}); going by what it last said`);
      }
      this.#isAway = true;
    }
    this.#readAtMs = nowMs;
    return this.#champions;
  }

  async #fetch(
    index: RepositoryIndex,
    models: readonly string[],
  ): Promise<Map<string, RepositoryChampion>> {
    const champions = new Map<string, RepositoryChampion>();
    for (const model of models) {
      const champion = await fetchChampion(this.#store, index, model, this.#home);
      if (champion !== null) champions.set(model, champion);
    }
    return champions;
  }
}
