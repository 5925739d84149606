import { isModelName, isVersion } from "../../protocols/core/names.ts";
import { sha256Hex } from "../../protocols/repository/documents.ts";
import { CONFIG_FILE } from "../../protocols/repository/triton/model-config.ts";
import type { ListedFile } from "./repository-reader.ts";

/**
 * Repositories without an index.json, read as they stand: Triton's `<model>/config.pbtxt` and
 * `<model>/<n>/model.onnx`, TensorFlow Serving's `<base>/<n>/model.onnx`.
 */
export interface PlainModel {
  readonly name: string;
  readonly config: ListedFile | null;
  /** By number. */
  readonly versions: ReadonlyMap<number, PlainVersion>;
}

export interface PlainVersion {
  /** In its folder, by plain name. */
  readonly files: ReadonlyMap<string, ListedFile>;
  /** Folders in its folder, which are not read. */
  readonly folders: ReadonlySet<string>;
  /** sha256 of what is read of it: names, sizes and stamps, the configuration's too. */
  readonly fingerprint: string;
}

interface Draft {
  config: ListedFile | null;
  readonly versions: Map<number, { files: Map<string, ListedFile>; folders: Set<string> }>;
}

/**
 * Sorts what a repository holds into models. Whatever fits no layout is passed over.
 * @param baseName the model's name where version folders lie in the root (TensorFlow Serving's
 *   base path)
 */
export function readPlainLayout(
  listed: readonly ListedFile[],
  baseName: string,
): ReadonlyMap<string, PlainModel> {
  const drafts = new Map<string, Draft>();
  for (const file of listed) place(drafts, file, baseName);
  const models = new Map<string, PlainModel>();
  for (const [name, { config, versions }] of drafts) {
    if (versions.size === 0) continue;
    const finished = [...versions].map(([number, version]): [number, PlainVersion] => [
      number,
      { ...version, fingerprint: fingerprint(config, version.files) },
    ]);
    models.set(name, { name, config, versions: new Map(finished) });
  }
  return models;
}

function place(drafts: Map<string, Draft>, file: ListedFile, baseName: string): void {
  const segments = file.path.split("/");
  const path = isVersion(segments[0] ?? "") ? [baseName, ...segments] : segments;
  const [name, second, third, ...deeper] = path as [string, ...string[]];
  if (!isModelName(name) || second === undefined) return;
  if (second === CONFIG_FILE && third === undefined) draftOf(drafts, name).config = file;
  if (!isVersion(second) || third === undefined) return;
  const { versions } = draftOf(drafts, name);
  const number = Number(second);
  const version = versions.get(number) ?? { files: new Map(), folders: new Set() };
  versions.set(number, version);
  if (deeper.length > 0) version.folders.add(third);
  else version.files.set(third, file);
}

function draftOf(drafts: Map<string, Draft>, name: string): Draft {
  const draft = drafts.get(name) ?? { config: null, versions: new Map() };
  drafts.set(name, draft);
  return draft;
}

function fingerprint(config: ListedFile | null, files: ReadonlyMap<string, ListedFile>): string {
  const parts = [...files.values(), ...(config === null ? [] : [config])]
    .map(({ path, bytes, stamp }) => [path, bytes, stamp])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  return sha256Hex(new TextEncoder().encode(JSON.stringify(parts)));
}
