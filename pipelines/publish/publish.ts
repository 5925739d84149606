import { DEFAULT_ALIAS, isAlias, isModelName, PREVIOUS_ALIAS } from "../../protocols/core/names.ts";
import { parseGolden } from "../../protocols/oip-rest/golden-file.ts";
import { inspectModel, type OnnxSummary } from "../../protocols/onnx/inspect-model.ts";
import { serializeDocument, sha256Hex } from "../../protocols/repository/documents.ts";
import {
  claimPath,
  filePath,
  GOLDEN_FILE,
  MODEL_FILE,
  manifestPath,
} from "../../protocols/repository/layout.ts";
import type { Manifest, RepositoryIndex } from "../../protocols/repository/schemas.ts";
import { assertReplaceable } from "./assert-replaceable.ts";
import { assertChampion } from "./champion-moved.ts";
import type { ExpectedChampion } from "./publish-spec.ts";
import { PublishRefusal } from "./refusal.ts";
import { type RepositoryStore, StoreError } from "./repository-store.ts";
import { ensureIndex, readIndex, updateIndex } from "./update-index.ts";

export interface PublishOptions {
  readonly store: RepositoryStore;
  readonly modelName: string;
  readonly modelBytes: Uint8Array;
  /** See protocols/oip-rest/golden-file.ts. */
  readonly goldenBytes: Uint8Array | null;
  /** Pointed at the new version. */
  readonly alias: string;
  /** Clients of the champion may break. */
  readonly breaking: boolean;
  /** Nothing is published when it is another by then; not looked at unless told. */
  readonly expectedChampion?: ExpectedChampion;
  readonly lineage: Readonly<Record<string, string>>;
  /** Awaited at "claimed", "uploaded" and "described": for tests that stop there. */
  readonly pause: (point: string) => Promise<void>;
}

export interface Published {
  readonly version: number;
  /** Of the index that shows the version. */
  readonly generation: number;
  /** Version that the alias led to before; null for none. */
  readonly replaced: number | null;
}

interface NewFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** More numbers than this are never taken at once; beyond it something else is wrong. */
const MAX_CLAIMS = 10_000;

/**
 * Puts a model into the repository as its next version and points an alias at it. Nothing of it is
 * visible to servers before the last step; a publisher that dies leaves a hole in the numbers, and
 * the first of a repository an index without models.
 * Rejects with PublishRefusal, ChampionMoved or ModelFormatError (before anything is written, unless
 * another publisher was first), DocumentError, StoreError.
 */
export async function publishModel(options: PublishOptions): Promise<Published> {
  const { store, modelName, pause, expectedChampion = "any" } = options;
  assertNames(modelName, options.alias);
  const summary = inspect(options.modelBytes);
  const files = listFiles(options);
  const before = await readIndex(store);
  assertChampion(before, modelName, expectedChampion);
  await assertReplaceable(store, before, modelName, summary.signature, options.breaking);
  await ensureIndex(store);
  const version = await claimVersion(store, before, modelName);
  await pause("claimed");
  for (const file of files) {
    await createOwn(store, filePath(modelName, version, file.name), file.bytes, file.sha256);
  }
  await pause("uploaded");
  const manifest = serializeDocument(describe(options, summary, files, version));
  const manifestSha256 = sha256Hex(manifest);
  await createOwn(store, manifestPath(modelName, version), manifest, manifestSha256);
  await pause("described");
  let replaced: number | null = null;
  const index = await updateIndex(store, async (current) => {
    await assertReplaceable(store, current, modelName, summary.signature, options.breaking);
    // Our own write, whose answer was lost.
    if (current.models[modelName]?.versions[version] !== undefined) return null;
    assertChampion(current, modelName, expectedChampion);
    replaced = current.models[modelName]?.aliases[options.alias] ?? null;
    return withVersion(current, options, version, manifestSha256);
  });
  return { version, generation: index.generation, replaced };
}

function assertNames(modelName: string, alias: string): void {
  if (!isModelName(modelName)) {
    throw new PublishRefusal(
      `'${modelName}' is no model name: 1-128 of A-Z a-z 0-9 . _ -, the first a letter or digit`,
    );
  }
  if (!isAlias(alias)) throw new PublishRefusal(`'${alias}' is no alias name`);
  if (alias === PREVIOUS_ALIAS) {
    throw new PublishRefusal(`'${PREVIOUS_ALIAS}' is kept for rollback; choose another alias`);
  }
}

function inspect(bytes: Uint8Array): OnnxSummary {
  const summary = inspectModel(bytes);
  if (summary.usesExternalData) {
    throw new PublishRefusal(
      "the model keeps weights in other files; save it as one file (onnx.save with save_as_external_data=False)",
    );
  }
  return summary;
}

function listFiles({ modelBytes, goldenBytes }: PublishOptions): NewFile[] {
  const files = [{ name: MODEL_FILE, bytes: modelBytes, sha256: sha256Hex(modelBytes) }];
  if (goldenBytes === null) return files;
  try {
    parseGolden(goldenBytes);
  } catch (error) {
    throw new PublishRefusal(error instanceof Error ? error.message : String(error));
  }
  return [...files, { name: GOLDEN_FILE, bytes: goldenBytes, sha256: sha256Hex(goldenBytes) }];
}

/** Takes the lowest number above every visible one that nobody claimed. */
async function claimVersion(
  store: RepositoryStore,
  index: RepositoryIndex,
  modelName: string,
): Promise<number> {
  const taken = Object.keys(index.models[modelName]?.versions ?? {}).map(Number);
  const first = Math.max(0, ...taken) + 1;
  const claim = new TextEncoder().encode(`{"schemaVersion":1}\n`);
  for (let version = first; version < first + MAX_CLAIMS; version += 1) {
    if (await store.create(claimPath(modelName, version), claim)) return version;
  }
  throw new StoreError(claimPath(modelName, first), `${MAX_CLAIMS} numbers from here are claimed`);
}

/**
 * Writes a file under a number that is ours. Found there already, it must be our own: a write whose
 * answer was lost is tried again by the client library.
 */
async function createOwn(
  store: RepositoryStore,
  path: string,
  bytes: Uint8Array,
  sha256: string,
): Promise<void> {
  if (await store.create(path, bytes)) return;
  const found = await store.read(path, bytes.byteLength);
  if (found !== null && sha256Hex(found.bytes) === sha256) return;
  throw new StoreError(path, "is there already with other content, although we claimed the number");
}

function describe(
  options: PublishOptions,
  summary: OnnxSummary,
  files: readonly NewFile[],
  version: number,
): Manifest {
  return {
    schemaVersion: 1,
    model: options.modelName,
    version,
    files: files.map(({ name, bytes, sha256 }) => ({
      path: name,
      bytes: bytes.byteLength,
      sha256,
    })),
    signature: {
      inputs: summary.signature.inputs.map((t) => ({ ...t, shape: [...t.shape] })),
      outputs: summary.signature.outputs.map((t) => ({ ...t, shape: [...t.shape] })),
    },
    opset: { ...summary.opset },
    breaking: options.breaking,
    createdAt: new Date().toISOString(),
    lineage: { producer: summary.producer, irVersion: `${summary.irVersion}`, ...options.lineage },
  };
}

function withVersion(
  index: RepositoryIndex,
  { modelName, alias }: PublishOptions,
  version: number,
  manifestSha256: string,
): Pick<RepositoryIndex, "models" | "removed"> {
  const model = index.models[modelName] ?? { versions: {}, aliases: {} };
  const old = model.aliases[alias];
  const previous = alias === DEFAULT_ALIAS && old !== undefined ? { [PREVIOUS_ALIAS]: old } : {};
  const next = {
    versions: { ...model.versions, [version]: { manifestSha256 } },
    aliases: { ...model.aliases, ...previous, [alias]: version },
  };
  return {
    models: { ...index.models, [modelName]: next },
    removed: index.removed.filter((name) => name !== modelName),
  };
}
