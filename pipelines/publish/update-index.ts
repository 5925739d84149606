import { setTimeout as delay } from "node:timers/promises";
import {
  EMPTY_INDEX,
  MAX_DOCUMENT_BYTES,
  parseIndex,
  serializeDocument,
} from "../../protocols/repository/documents.ts";
import { INDEX_PATH } from "../../protocols/repository/layout.ts";
import type { RepositoryIndex } from "../../protocols/repository/schemas.ts";
import { type RepositoryStore, type Stored, StoreError } from "./repository-store.ts";

const VERSIONS_PREFIX = "models/";
const MAX_ATTEMPTS = 100;
const FIRST_WAIT_MS = 10;
const MAX_WAIT_MS = 1_000;

/**
 * Empty when there is none, and never was.
 * @throws DocumentError; StoreError, also for a repository that has versions and no index
 */
export async function readIndex(store: RepositoryStore): Promise<RepositoryIndex> {
  return (await readStored(store)).index;
}

/** null: there is none, and never was. Rejects as readIndex does. */
export async function findIndex(store: RepositoryStore): Promise<RepositoryIndex | null> {
  const { index, etag } = await readStored(store);
  return etag === null ? null : index;
}

/**
 * Changes index.json by compare-and-swap, trying again while others are first. `change` is called
 * with each reading and gives the next models and removed, or null when nothing is left to do; it
 * may reject to give up. Returns the index as it then stands.
 */
export async function updateIndex(
  store: RepositoryStore,
  change: (index: RepositoryIndex) => Promise<Pick<RepositoryIndex, "models" | "removed"> | null>,
): Promise<RepositoryIndex> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const { index, etag } = await readStored(store);
    const changed = await change(index);
    if (changed === null) return index;
    const next: RepositoryIndex = {
      schemaVersion: 1,
      generation: index.generation + 1,
      models: changed.models,
      removed: changed.removed,
    };
    const bytes = serializeDocument(next);
    // Never write what servers would refuse to read.
    parseIndex(bytes);
    if (await store.replace(INDEX_PATH, bytes, etag)) return next;
    const longest = Math.min(FIRST_WAIT_MS * 2 ** Math.min(attempt, 10), MAX_WAIT_MS);
    await delay(Math.random() * longest);
  }
  throw new StoreError(INDEX_PATH, `others changed it first, ${MAX_ATTEMPTS} times in a row`);
}

/**
 * Makes the index where there is none. Call it before the first file of a version is written: versions
 * without an index then mean that it was lost, and not that their publisher died.
 */
export async function ensureIndex(store: RepositoryStore): Promise<void> {
  const { etag } = await readStored(store);
  // false: another was first.
  if (etag === null) await store.replace(INDEX_PATH, serializeDocument(EMPTY_INDEX), null);
}

async function readStored(store: RepositoryStore) {
  const stored = (await readBytes(store)) ?? (await assertNoVersions(store));
  if (stored === null) return { index: EMPTY_INDEX, etag: null };
  return { index: parseIndex(stored.bytes), etag: stored.etag };
}

async function readBytes(store: RepositoryStore): Promise<Stored | null> {
  return await store.read(INDEX_PATH, MAX_DOCUMENT_BYTES);
}

/**
 * Without an index every version looks like the first, and a new index would hide all the others.
 * Returns the index if another made it meanwhile.
 */
async function assertNoVersions(store: RepositoryStore): Promise<Stored | null> {
  const [found] = await store.list(VERSIONS_PREFIX);
  if (found === undefined) return null;
  const stored = await readBytes(store);
  if (stored !== null) return stored;
  throw new StoreError(
    INDEX_PATH,
    `is not there, although ${found} is: put it back from a backup or an earlier version of the blob; ` +
      `if nothing was ever published, take ${VERSIONS_PREFIX} away`,
  );
}
