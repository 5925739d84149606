import { EMPTY_INDEX } from "../../protocols/repository/documents.ts";
import type { RepositoryIndex } from "../../protocols/repository/schemas.ts";
import type { RepositoryStore } from "../publish/repository-store.ts";
import { findIndex } from "../publish/update-index.ts";
import type { Store } from "../store/store.ts";
import { fetchChampion, type RepositoryChampion } from "./champions.ts";
import { noteIndexSeen, wasIndexSeen } from "./identity.ts";
import { isDue } from "./is-due.ts";

const FRESH_MS = 2_000;

/** null: the model has none. */
export type KnownChampions = ReadonlyMap<string, RepositoryChampion | "unknown" | null>;

export interface RepositoryViewParts {
  readonly repository: RepositoryStore;
  /** Remembers that there was an index. */
  readonly store: Store;
  readonly home: string;
  readonly warn: (message: string) => void;
}

/**
 * What the repository says, as of at most two seconds ago; as it last said while it is away. What
 * cannot be read is unknown, and not "none": on that a first version would pass without a comparison.
 */
export class RepositoryView {
  readonly #parts: RepositoryViewParts;
  /** Models whose champion cannot be read; said once. */
  readonly #broken = new Set<string>();
  #champions: KnownChampions = new Map();
  #hasIndex = false;
  #readAtMs = Number.NEGATIVE_INFINITY;
  #isAway = false;
  #generation = 0;

  constructor(parts: RepositoryViewParts) {
    this.#parts = parts;
  }

  /** The repository has an index, or had one; as of the last question. */
  get hasIndex(): boolean {
    return this.#hasIndex;
  }

  /** Looks again at the next question. */
  forget(): void {
    this.#readAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Champions by model. One that is not in it is unknown. */
  async champions(models: readonly string[], nowMs: number): Promise<KnownChampions> {
    if (!isDue(this.#readAtMs, FRESH_MS, nowMs)) return this.#champions;
    try {
      const index = await this.#readIndex();
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
        this.#parts.warn(
          `the model repository cannot be read (${why}); going by what it last said`,
        );
      }
      this.#isAway = true;
    }
    this.#readAtMs = nowMs;
    return this.#champions;
  }

  async #readIndex(): Promise<RepositoryIndex> {
    const { repository, store } = this.#parts;
    this.#hasIndex ||= await wasIndexSeen(store);
    const index = await findIndex(repository);
    if (index !== null && !this.#hasIndex) {
      await noteIndexSeen(store);
      this.#hasIndex = true;
    }
    if (index === null && this.#hasIndex) {
      throw new Error(`index.json was there and is gone; is ${repository.description} mounted?`);
    }
    return index ?? EMPTY_INDEX;
  }

  async #fetch(index: RepositoryIndex, models: readonly string[]): Promise<KnownChampions> {
    const champions = new Map<string, RepositoryChampion | "unknown" | null>();
    for (const model of models) champions.set(model, await this.#fetchOne(index, model));
    return champions;
  }

  async #fetchOne(
    index: RepositoryIndex,
    model: string,
  ): Promise<RepositoryChampion | "unknown" | null> {
    const { repository, home, warn } = this.#parts;
    try {
      const champion = await fetchChampion(repository, index, model, home);
      this.#broken.delete(model);
      return champion;
    } catch (error) {
      if (!this.#broken.has(model)) {
        const why = error instanceof Error ? error.message : String(error);
        warn(`the champion of '${model}' cannot be read (${why}); nothing is decided by it`);
      }
      this.#broken.add(model);
      return "unknown";
    }
  }
}
