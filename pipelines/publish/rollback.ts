import { DEFAULT_ALIAS, PREVIOUS_ALIAS } from "../../protocols/core/names.ts";
import { PublishRefusal } from "./refusal.ts";
import type { RepositoryStore } from "./repository-store.ts";
import { updateIndex } from "./update-index.ts";

export interface RolledBack {
  /** The champion now. */
  readonly version: number;
  /** The champion before, `previous` now: a second rollback undoes the first. */
  readonly replaced: number;
  readonly generation: number;
}

/** Swaps champion and previous. Rejects with PublishRefusal when there is nothing to go back to. */
export async function rollbackModel(
  store: RepositoryStore,
  modelName: string,
): Promise<RolledBack> {
  let swapped: { version: number; replaced: number } | null = null;
  const index = await updateIndex(store, async (current) => {
    const model = current.models[modelName];
    if (model === undefined) throw new PublishRefusal(`the repository has no model '${modelName}'`);
    const version = model.aliases[PREVIOUS_ALIAS];
    const replaced = model.aliases[DEFAULT_ALIAS];
    if (version === undefined || replaced === undefined) {
      throw new PublishRefusal(`model '${modelName}' has no previous version to go back to`);
    }
    // Our own write, whose answer was lost, and the champion as we left it: done.
    if (swapped?.version === replaced && swapped.replaced === version) return null;
    swapped = { version, replaced };
    const aliases = { ...model.aliases, [DEFAULT_ALIAS]: version, [PREVIOUS_ALIAS]: replaced };
    const models = { ...current.models, [modelName]: { ...model, aliases } };
    return { models, removed: current.removed };
  });
  const { version, replaced } = swapped ?? { version: 0, replaced: 0 };
  return { version, replaced, generation: index.generation };
}
