import { DEFAULT_ALIAS } from "../../protocols/core/names.ts";
import { explainIncompatibility, type Signature } from "../../protocols/core/signature.ts";
import {
  MAX_DOCUMENT_BYTES,
  parseManifest,
  sha256Hex,
} from "../../protocols/repository/documents.ts";
import { manifestPath } from "../../protocols/repository/layout.ts";
import type { RepositoryIndex } from "../../protocols/repository/schemas.ts";
import { PublishRefusal } from "./refusal.ts";
import { type RepositoryStore, StoreError } from "./repository-store.ts";

/**
 * Refuses a version that could break the clients of the champion, unless its publisher said that it
 * may. Rejects with PublishRefusal, StoreError or DocumentError.
 */
export async function assertReplaceable(
  store: RepositoryStore,
  index: RepositoryIndex,
  modelName: string,
  signature: Signature,
  breaking: boolean,
): Promise<void> {
  const model = index.models[modelName];
  const champion = model?.aliases[DEFAULT_ALIAS];
  const entry = champion === undefined ? undefined : model?.versions[champion];
  if (breaking || champion === undefined || entry === undefined) return;
  const path = manifestPath(modelName, champion);
  const stored = await store.read(path, MAX_DOCUMENT_BYTES);
  if (stored === null) throw new StoreError(path, "is not there, although index.json names it");
  const found = sha256Hex(stored.bytes);
  if (found !== entry.manifestSha256) {
    throw new StoreError(
      path,
      `expected sha256 ${entry.manifestSha256} (index.json), got ${found}`,
    );
  }
  const why = explainIncompatibility(parseManifest(path, stored.bytes).signature, signature);
  if (why === null) return;
  throw new PublishRefusal(
    `clients of '${modelName}' version ${champion} (${DEFAULT_ALIAS}) could break: ${why}; publish with --breaking if they may`,
  );
}
