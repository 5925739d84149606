import { existsSync } from "node:fs";
import { openStore, type Store, storePath } from "../store/store.ts";
import { CommandError } from "./command-error.ts";

/**
 * Does something with the store of a home, and closes it.
 * @throws CommandError when nothing ran there yet: looking makes no store
 */
export async function withStore<T>(home: string, work: (store: Store) => Promise<T>): Promise<T> {
  const path = storePath(home);
  if (!existsSync(path)) {
    throw new CommandError(
      `expected a store at ${path}, which 'sluice run' or 'sluice pipelines' makes; --home names another home`,
    );
  }
  const store = await openStore(path);
  try {
    return await work(store);
  } finally {
    await store.destroy();
  }
}
