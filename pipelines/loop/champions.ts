import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DEFAULT_ALIAS } from "../../protocols/core/names.ts";
import { parseManifest, sha256Hex } from "../../protocols/repository/documents.ts";
import { filePath, MODEL_FILE, manifestPath } from "../../protocols/repository/layout.ts";
import type { Manifest, RepositoryIndex } from "../../protocols/repository/schemas.ts";
import { type RepositoryStore, StoreError } from "../publish/repository-store.ts";
import { homePaths } from "./home.ts";

/** A champion as the repository has it, with local copies of its files. */
export interface RepositoryChampion {
  readonly version: number;
  readonly modelPath: string;
  readonly manifestPath: string;
}

const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;

/**
 * The champion of a model, its files copied into the home; null when the model has none.
 * @throws StoreError when the repository cannot be read or holds other bytes than it says
 */
export async function fetchChampion(
  store: RepositoryStore,
  index: RepositoryIndex,
  model: string,
  home: string,
): Promise<RepositoryChampion | null> {
  const entry = index.models[model];
  const version = entry?.aliases[DEFAULT_ALIAS];
  if (entry === undefined || version === undefined) return null;
  const local = {
    version,
    modelPath: homePaths.version(home, model, version, MODEL_FILE),
    manifestPath: homePaths.version(home, model, version, "manifest.json"),
  };
  const expected = entry.versions[version]?.manifestSha256 ?? "";
  const path = manifestPath(model, version);
  if (isCopied(local, path, expected)) return local;
  const manifest = await read(store, path, MAX_MANIFEST_BYTES);
  assertHash(path, manifest, expected);
  const file = modelFileOf(path, parseManifest(path, manifest));
  const bytes = await read(store, filePath(model, version, MODEL_FILE), file.bytes);
  assertHash(filePath(model, version, MODEL_FILE), bytes, file.sha256);
  writeWhole(local.modelPath, bytes);
  writeWhole(local.manifestPath, manifest);
  return local;
}

/** By the manifest's hash and the model's size: another repository has other models by the same name. */
function isCopied(
  { modelPath, manifestPath: copy }: RepositoryChampion,
  path: string,
  manifestSha256: string,
): boolean {
  if (!existsSync(modelPath) || !existsSync(copy)) return false;
  const manifest = readFileSync(copy);
  if (sha256Hex(manifest) !== manifestSha256) return false;
  return statSync(modelPath).size === modelFileOf(path, parseManifest(path, manifest)).bytes;
}

function modelFileOf(path: string, { files }: Manifest): Manifest["files"][number] {
  const file = files.find((each) => each.path === MODEL_FILE);
  if (file === undefined) throw new StoreError(path, `names no ${MODEL_FILE}`);
  return file;
}

async function read(store: RepositoryStore, path: string, maxBytes: number): Promise<Uint8Array> {
  const found = await store.read(path, maxBytes);
  if (found === null) throw new StoreError(path, "is named by the index but not there");
  return found.bytes;
}

function assertHash(path: string, bytes: Uint8Array, expected: string): void {
  if (sha256Hex(bytes) !== expected)
    throw new StoreError(path, "does not have the hash that names it");
}

function writeWhole(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.tmp`, bytes, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}
