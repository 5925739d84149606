/**
 * URL of a worker or child entry beside the calling module, compiled or not: `name` without
 * extension. (A worker's URL is not rewritten on emit as imports are.)
 */
export function siblingUrl(importMetaUrl: string, name: string): URL {
  return new URL(`${name}${importMetaUrl.endsWith(".ts") ? ".ts" : ".js"}`, importMetaUrl);
}
