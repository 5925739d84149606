import type { LoadedProject } from "../project/loaded-project.ts";
import type { RepositoryStore } from "../publish/repository-store.ts";
import type { Store, StoreReader } from "../store/store.ts";

/** The home holds the life of another project, or of another model repository. */
export class IdentityError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "IdentityError";
  }
}

/**
 * A home has one project and one model repository for good: versions, windows and lineage of two
 * would mix under the same names. The first to come is noted.
 * @throws IdentityError naming both
 */
export async function noteIdentity(
  store: Store,
  project: LoadedProject,
  repository: RepositoryStore,
): Promise<void> {
  await store.transaction().execute(async (tx) => {
    await assertIdentity(tx, project, repository);
    await tx
      .insertInto("identity")
      .values([
        { name: "project", value: project.project.project },
        { name: "repository", value: repository.description },
      ])
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  });
}

/** @throws IdentityError naming what was noted and what came; nothing noted passes. */
export async function assertIdentity(
  store: StoreReader,
  { project }: LoadedProject,
  repository: RepositoryStore,
): Promise<void> {
  const noted = await store.selectFrom("identity").selectAll().execute();
  for (const { name, value } of noted) {
    if (name === "project" && value !== project.project) {
      throw new IdentityError(
        `this home is of project '${value}', came '${project.project}'; give every project a home of its own (--home)`,
      );
    }
    if (name === "repository" && value !== repository.description) {
      throw new IdentityError(
        `this home goes with the model repository ${value}, came ${repository.description}; keep to it, or begin with another home (--home)`,
      );
    }
  }
}

/** Whether index.json of the repository was ever seen from this home. */
export async function wasIndexSeen(store: StoreReader): Promise<boolean> {
  const noted = await store
    .selectFrom("identity")
    .select("name")
    .where("name", "=", "index-seen")
    .executeTakeFirst();
  return noted !== undefined;
}

export async function noteIndexSeen(store: Store): Promise<void> {
  await store
    .insertInto("identity")
    .values({ name: "index-seen", value: "1" })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
