/**
 * Paths of the model repository, the same in a directory and in a blob container (relative,
 * '/'-separated). See deploy/docs/repository.md.
 */

export const INDEX_PATH = "index.json";

/** What else may lie in the root of a repository that has no index yet. */
export const ROOT_FOLDERS: readonly string[] = ["models", "deployments", "incoming"];

export function versionPrefix(model: string, version: number): string {
  return `models/${model}/versions/${version}`;
}

/** Names in a version's folder that no file of the version may take. */
export const MANIFEST_FILE = "manifest.json";
export const CLAIM_FILE = "claim.json";

/** Written create-only before any file of the version: the number belongs to whoever wrote it. */
export function claimPath(model: string, version: number): string {
  return `${versionPrefix(model, version)}/${CLAIM_FILE}`;
}

/** Written last: a version exists once its manifest does. */
export function manifestPath(model: string, version: number): string {
  return `${versionPrefix(model, version)}/${MANIFEST_FILE}`;
}

export function filePath(model: string, version: number, file: string): string {
  return `${versionPrefix(model, version)}/${file}`;
}

/** The file that the engine loads. */
export const MODEL_FILE = "model.onnx";
/** Optional: pairs of lines, a request and the answer that the trainer's own runtime gave (Open Inference Protocol JSON). */
export const GOLDEN_FILE = "golden.jsonl";

/**
 * The Redis channel on which a publisher says "look now". The payload is the repository's id
 * (location.ts) and is not trusted: at worst it costs one poll.
 */
export const WAKE_CHANNEL = "sluice:wake";
