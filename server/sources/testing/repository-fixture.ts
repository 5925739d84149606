import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  type AzureCredentials,
  openContainer,
} from "../../../protocols/repository/azure-container.ts";
import { serializeDocument, sha256Hex } from "../../../protocols/repository/documents.ts";
import { filePath, INDEX_PATH, manifestPath } from "../../../protocols/repository/layout.ts";
import type { Manifest, RepositoryIndex } from "../../../protocols/repository/schemas.ts";
import { startAzurite } from "../../testing/azurite.ts";

/** A real repository of a test's own, and a hand that can spoil it. */
export interface RepositoryFixture {
  readonly location: string;
  readonly azure: AzureCredentials;
  /** Writes whatever was there before. */
  put(path: string, bytes: Uint8Array): Promise<void>;
  delete(path: string): Promise<void>;
  close(): Promise<void>;
}

export async function createDirectoryFixture(): Promise<RepositoryFixture> {
  const location = await mkdtemp(join(tmpdir(), "sluice-repository-"));
  return {
    location,
    azure: { kind: "identity" },
    put: async (path, bytes) => {
      const full = join(location, path);
      await mkdir(dirname(full), { recursive: true });
      await writeFile(full, bytes);
    },
    delete: (path) => rm(join(location, path), { recursive: true }),
    close: () => rm(location, { recursive: true, force: true }),
  };
}

/** A container, and a folder in it, in an Azurite that ends with the fixture. */
export async function createAzureFixture(): Promise<RepositoryFixture> {
  const azurite = await startAzurite();
  const location = `${azurite.url}/models-${randomUUID()}/team/a`;
  const azure: AzureCredentials = {
    kind: "connection-string",
    connectionString: azurite.connectionString,
  };
  const { client, prefix } = await openContainer(location, azure);
  await client.create();
  return {
    location,
    azure,
    put: async (path, bytes) => {
      await client.getBlockBlobClient(prefix + path).uploadData(bytes);
    },
    delete: async (path) => {
      await client.getBlobClient(prefix + path).delete();
    },
    close: () => azurite.close(),
  };
}

export const FIXTURES = [
  { name: "directory", create: createDirectoryFixture },
  { name: "Azurite", create: createAzureFixture },
] as const;

/** For sources whose cache nothing limits. */
export const UNBOUNDED = { maxCacheBytes: 0, held: () => [] };

/** A folder for the cache, deleted by `close`. */
export async function createHome(): Promise<{ path: string; close(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "sluice-home-"));
  return { path, close: () => rm(path, { recursive: true, force: true }) };
}

export interface PutVersion {
  readonly manifestSha256: string;
  readonly manifest: Manifest;
}

/** Writes a version by hand; its files need be no models. `change` edits the manifest first. */
export async function putVersion(
  fixture: RepositoryFixture,
  model: string,
  version: number,
  files: Readonly<Record<string, Uint8Array>>,
  change: (manifest: Manifest) => unknown = (manifest) => manifest,
): Promise<PutVersion> {
  const manifest: Manifest = {
    schemaVersion: 1,
    model,
    version,
    files: Object.entries(files).map(([path, bytes]) => ({
      path,
      bytes: bytes.byteLength,
      sha256: sha256Hex(bytes),
    })),
    signature: { inputs: [], outputs: [] },
    opset: { "": 17 },
    breaking: false,
    createdAt: "2026-01-01T00:00:00.000Z",
    lineage: {},
  };
  for (const [path, bytes] of Object.entries(files)) {
    await fixture.put(filePath(model, version, path), bytes);
  }
  const changed = serializeDocument(change(manifest) as Manifest);
  await fixture.put(manifestPath(model, version), changed);
  return { manifestSha256: sha256Hex(changed), manifest };
}

/** An index with the given hashes by model and version; the highest version is the champion. */
export function indexOf(
  generation: number,
  models: Readonly<Record<string, Readonly<Record<number, string>>>>,
): RepositoryIndex {
  const entries = Object.entries(models).map(([name, versions]) => [
    name,
    {
      versions: Object.fromEntries(
        Object.entries(versions).map(([version, manifestSha256]) => [version, { manifestSha256 }]),
      ),
      aliases: { champion: Math.max(...Object.keys(versions).map(Number)) },
    },
  ]);
  return { schemaVersion: 1, generation, models: Object.fromEntries(entries), removed: [] };
}

export function putIndex(fixture: RepositoryFixture, index: RepositoryIndex): Promise<void> {
  return fixture.put(INDEX_PATH, serializeDocument(index));
}
