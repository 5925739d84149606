import { DocumentError } from "../../protocols/repository/documents.ts";
import { INDEX_PATH } from "../../protocols/repository/layout.ts";
import type { RepositoryIndex } from "../../protocols/repository/schemas.ts";
import type { WantedModel, WantedSet } from "../models/source.ts";

export function toWantedSet(index: RepositoryIndex): WantedSet {
  const models = Object.entries(index.models).map(([name, model]): [string, WantedModel] => [
    name,
    {
      name,
      versions: new Map(
        Object.entries(model.versions).map(([version, { manifestSha256 }]) => [
          Number(version),
          manifestSha256,
        ]),
      ),
      aliases: new Map(Object.entries(model.aliases)),
      versionPolicy: null,
    },
  ]);
  return {
    generation: index.generation,
    models: new Map(models),
    removed: new Set(index.removed),
  };
}

/**
 * A version number means the same bytes for ever: what serves as version 3 must not differ between
 * replicas that started before and after a change.
 * @param keptPath the file to delete when the repository was made anew on purpose
 * @throws DocumentError
 */
export function assertImmutable(
  before: RepositoryIndex,
  after: RepositoryIndex,
  keptPath: string,
): void {
  for (const [name, model] of Object.entries(after.models)) {
    for (const [version, { manifestSha256 }] of Object.entries(model.versions)) {
      const known = before.models[name]?.versions[version]?.manifestSha256;
      if (known === undefined || known === manifestSha256) continue;
      throw new DocumentError(
        INDEX_PATH,
        `models.${name}.versions.${version} had manifestSha256 ${known} and now has ${manifestSha256}; versions are immutable (if this is a new repository, delete ${keptPath} and restart)`,
      );
    }
  }
}
