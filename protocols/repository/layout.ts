/**
 * Paths of the model repository, the same in a directory and in a blob container (relative,
 * '/'-separated). See deploy/docs/repository.md.
 */

export const INDEX_PATH = "index.json";

export function versionPrefix(model: string, version: number): string {
  return `models/${model}/versions/${version}`;
}

/** Written create-only before any file of the version: the number belongs to whoever wrote it. */
export function claimPath(model: string, version: number): string {
  return `${versionPrefix(model, version)}/claim.json`;
}

/** Written last: a version exists once its manifest does. */
export function manifestPath(model: string, version: number): string {
  return `${versionPrefix(model, version)}/manifest.json`;
}

export function filePath(model: string, version: number, file: string): string {
  return `${versionPrefix(model, version)}/${file}`;
}

/** The file that the engine loads. */
export const MODEL_FILE = "model.onnx";
/** Optional: requests with the answers that the trainer's own runtime gave. */
export const GOLDEN_FILE = "golden.json";

/** The Redis channel on which a publisher says "look now"; the payload is not trusted. */
export const WAKE_CHANNEL = "sluice:wake";
