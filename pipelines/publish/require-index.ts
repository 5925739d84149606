import { INDEX_PATH } from "../../protocols/repository/layout.ts";
import { type RepositoryStore, StoreError } from "./repository-store.ts";

/**
 * The store, but that a missing index.json is an error: an unmounted volume looks like an empty
 * repository, and a first index written into it would hide all that was there.
 */
export function requireIndex(store: RepositoryStore): RepositoryStore {
  return {
    description: store.description,
    async read(path, maxBytes) {
      const stored = await store.read(path, maxBytes);
      if (stored !== null || path !== INDEX_PATH) return stored;
      throw new StoreError(path, `was there and is gone; is ${store.description} mounted?`);
    },
    stamp: (path) => store.stamp(path),
    create: (path, bytes) => store.create(path, bytes),
    replace: (path, bytes, etag) => store.replace(path, bytes, etag),
    list: (prefix) => store.list(prefix),
    remove: (path) => store.remove(path),
  };
}
