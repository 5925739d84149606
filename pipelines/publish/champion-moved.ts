import { DEFAULT_ALIAS } from "../../protocols/core/names.ts";
import type { RepositoryIndex } from "../../protocols/repository/schemas.ts";
import type { ExpectedChampion } from "./publish-spec.ts";

/** Another version became champion than the one that a model was held against. */
export class ChampionMoved extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ChampionMoved";
  }
}

/** @throws ChampionMoved */
export function assertChampion(
  index: RepositoryIndex,
  modelName: string,
  expected: ExpectedChampion,
): void {
  if (expected === "any") return;
  const found = index.models[modelName]?.aliases[DEFAULT_ALIAS] ?? "none";
  if (found === expected) return;
  throw new ChampionMoved(
    `expected the ${DEFAULT_ALIAS} of '${modelName}' to be ${describe(expected)}, found ${describe(found)}`,
  );
}

function describe(champion: number | "none"): string {
  return champion === "none" ? "none" : `version ${champion}`;
}
