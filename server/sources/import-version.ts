import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { inspectModel, type OnnxSummary } from "../../protocols/onnx/inspect-model.ts";
import {
  DocumentError,
  parseManifest,
  serializeDocument,
  sha256Hex,
} from "../../protocols/repository/documents.ts";
import { CLAIM_FILE, MANIFEST_FILE, MODEL_FILE } from "../../protocols/repository/layout.ts";
import type { Manifest } from "../../protocols/repository/schemas.ts";
import {
  assertConfigFits,
  type TritonConfig,
} from "../../protocols/repository/triton/model-config.ts";
import { TritonConfigError } from "../../protocols/repository/triton/text-fields.ts";
import { VetRefusal } from "../models/loader.ts";
import type { LocalVersion, ServingHints } from "../models/source.ts";
import { downloadFile } from "./download-file.ts";
import type { PlainVersion } from "./plain-layout.ts";
import type { ListedFile, RepositoryReader } from "./repository-reader.ts";
import type { VersionCache } from "./version-cache.ts";

export interface VersionImport {
  readonly reader: RepositoryReader;
  readonly cache: VersionCache;
  readonly model: string;
  readonly number: number;
  readonly version: PlainVersion;
  /** null: the model has no config.pbtxt. */
  readonly config: TritonConfig | null;
  /** RANGE_BYTES long, and nobody else's until the import has ended. */
  readonly buffer: Uint8Array;
  readonly pause: (point: string) => Promise<void>;
  readonly signal: AbortSignal;
}

const MAX_FILES = 64;
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** One file to fetch, and its name in the cache. */
export interface ImportedFile {
  readonly from: ListedFile;
  readonly name: string;
}

/**
 * Brings a version that has no manifest into the cache, with a manifest of what came: from then on it
 * is like any other. Rejects with VetRefusal for what does not pass by itself, with ReadError else.
 */
export async function importVersion(parts: VersionImport): Promise<LocalVersion> {
  const { cache, model, number, version, config } = parts;
  const files = chooseFiles(version, config?.modelFile ?? MODEL_FILE);
  const partial = await cache.openPartial(version.fingerprint);
  const entries: Manifest["files"] = [];
  for (const file of files) entries.push(await bring(parts, partial, file));
  await parts.pause("verifying");
  const summary = await inspect(join(partial, MODEL_FILE));
  const hints = readHints(config, summary, version);
  const manifest: Manifest = {
    schemaVersion: 1,
    model,
    version: number,
    files: entries,
    signature: {
      inputs: [...summary.signature.inputs],
      outputs: [...summary.signature.outputs],
    } as Manifest["signature"],
    opset: summary.opset,
    // Whoever keeps such a repository has no other word to say it with.
    breaking: true,
    createdAt: new Date(0).toISOString(),
    lineage: { fingerprint: version.fingerprint },
  };
  const bytes = serializeDocument(manifest);
  assertManifest(`${model}/${number}`, bytes);
  const manifestSha256 = sha256Hex(bytes);
  const local = await cache.commit(version.fingerprint, manifestSha256, bytes);
  return { ...local, hints };
}

/** The graph under its name in the cache, and what lies beside it: a graph may keep weights there. */
export function chooseFiles(version: PlainVersion, modelFile: string): readonly ImportedFile[] {
  const graph = version.files.get(modelFile);
  if (graph === undefined) {
    const there = [...version.files.keys(), ...[...version.folders].map((name) => `${name}/`)];
    const found = there.slice(0, 5).join(", ") || "nothing";
    throw new VetRefusal(`its folder lacks ${modelFile}, it has ${found}`);
  }
  const beside = [...version.files]
    .filter(([name]) => name !== modelFile && name !== MODEL_FILE && isKept(name))
    .map(([name, from]) => ({ from, name }));
  if (beside.length >= MAX_FILES) {
    throw new VetRefusal(`its folder has ${beside.length + 1} files, more than ${MAX_FILES}`);
  }
  return [{ from: graph, name: MODEL_FILE }, ...beside];
}

function isKept(name: string): boolean {
  // Folded, as manifests are: on some file systems they would be one file.
  const folded = name.toLowerCase();
  return PLAIN_NAME.test(name) && folded !== MANIFEST_FILE && folded !== CLAIM_FILE;
}

/** What is committed must be what the cache will read: names that differ in case only are not. */
function assertManifest(what: string, bytes: Uint8Array): void {
  try {
    parseManifest(what, bytes);
  } catch (thrown) {
    if (thrown instanceof DocumentError) throw new VetRefusal(thrown.message);
    throw thrown;
  }
}

async function bring(
  { reader, buffer, signal, pause }: VersionImport,
  partial: string,
  { from, name }: ImportedFile,
): Promise<Manifest["files"][number]> {
  const { sha256 } = await downloadFile({
    reader,
    path: from.path,
    target: join(partial, name),
    bytes: from.bytes,
    etag: from.stamp,
    buffer,
    signal,
    onRange: () => pause("downloading"),
  });
  return { path: name, bytes: from.bytes, sha256 };
}

async function inspect(path: string): Promise<OnnxSummary> {
  const bytes = await readFile(path);
  try {
    return inspectModel(bytes);
  } catch (thrown) {
    throw new VetRefusal(`the file is not a usable ONNX model: ${(thrown as Error).message}`);
  }
}

function readHints(
  config: TritonConfig | null,
  summary: OnnxSummary,
  version: PlainVersion,
): ServingHints {
  const notes = [...(config?.notHonoured ?? [])];
  if (config !== null) {
    for (const output of fit(config, summary))
      notes.push(`output '${output}' is served though not listed`);
  }
  if (version.folders.size > 0)
    notes.push(`folders in the version's (${[...version.folders].join(", ")})`);
  const note = notes.length === 0 ? null : `not followed: ${notes.join("; ")}`;
  return { maxBatchRows: config?.maxBatchSize ?? null, note };
}

function fit(config: TritonConfig, summary: OnnxSummary): readonly string[] {
  try {
    return assertConfigFits(config, summary.signature);
  } catch (thrown) {
    if (thrown instanceof TritonConfigError) throw new VetRefusal(thrown.message);
    throw thrown;
  }
}
