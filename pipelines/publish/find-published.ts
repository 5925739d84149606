import { DEFAULT_ALIAS, PREVIOUS_ALIAS } from "../../protocols/core/names.ts";
import {
  MAX_DOCUMENT_BYTES,
  parseManifest,
  sha256Hex,
} from "../../protocols/repository/documents.ts";
import { manifestPath } from "../../protocols/repository/layout.ts";
import { type RepositoryStore, StoreError } from "./repository-store.ts";
import { readIndex } from "./update-index.ts";

/** A version that is in the index already. */
export interface FoundVersion {
  readonly version: number;
  /** Of the index as it was read. */
  readonly generation: number;
  /** What the champion was before, while this version is the champion; else null. */
  readonly replaced: number | null;
}

/** A run is tried again soon after it was cut off: its version is among the newest. */
const MAX_MANIFESTS = 50;

/**
 * The version of a model that a run published, newest first among the last 50; null for none.
 * Rejects with StoreError or DocumentError.
 */
export async function findPublished(
  store: RepositoryStore,
  model: string,
  runId: string,
): Promise<FoundVersion | null> {
  const index = await readIndex(store);
  const versions = index.models[model]?.versions ?? {};
  const newest = Object.keys(versions)
    .map(Number)
    .sort((a, b) => b - a)
    .slice(0, MAX_MANIFESTS);
  for (const version of newest) {
    const path = manifestPath(model, version);
    const stored = await store.read(path, MAX_DOCUMENT_BYTES);
    if (stored === null) throw new StoreError(path, "is not there, although index.json names it");
    if (sha256Hex(stored.bytes) !== versions[version]?.manifestSha256) {
      throw new StoreError(path, "is not the manifest that index.json names");
    }
    const { lineage } = parseManifest(path, stored.bytes);
    if (lineage["runId"] !== runId) continue;
    const aliases = index.models[model]?.aliases ?? {};
    const isChampion = aliases[DEFAULT_ALIAS] === version;
    const replaced = isChampion ? (aliases[PREVIOUS_ALIAS] ?? null) : null;
    return { version, generation: index.generation, replaced };
  }
  return null;
}
