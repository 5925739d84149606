import { PublishRefusal } from "./refusal.ts";
import type { RepositoryStore } from "./repository-store.ts";
import { updateIndex } from "./update-index.ts";

/**
 * Takes a model out of service on purpose: a tombstone in the index. Its files stay, and its
 * version numbers are never given out again. Returns the index's generation. Rejects with
 * PublishRefusal for a model that the repository does not have.
 */
export async function removeModel(store: RepositoryStore, modelName: string): Promise<number> {
  const index = await updateIndex(store, async (current) => {
    if (current.removed.includes(modelName)) return null;
    if (!Object.hasOwn(current.models, modelName)) {
      throw new PublishRefusal(`the repository has no model '${modelName}'`);
    }
    const { [modelName]: _gone, ...models } = current.models;
    return { models, removed: [...current.removed, modelName] };
  });
  return index.generation;
}
