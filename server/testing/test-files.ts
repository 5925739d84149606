import { existsSync, readdirSync } from "node:fs";
import { join, relative, resolve, sep } from "node:path";

const COMPILED_TEST = ".test.js";

/** The checkout, seen from a compiled file of this folder (dist/server/testing). */
export const REPOSITORY_ROOT: string = resolve(import.meta.dirname, "../../..");

/** The source of a compiled test, relative to the root; null for any other path. */
export function sourceOf(root: string, compiled: string): string | null {
  const path = relative(join(root, "dist"), compiled);
  if (path.startsWith("..") || !path.endsWith(COMPILED_TEST)) return null;
  return `${path.slice(0, -".js".length)}.ts`.split(sep).join("/");
}

/**
 * Compiled tests, sorted. Leaves out those whose source is gone: an incremental build never deletes
 * what it once emitted.
 * @param wanted source or dist paths, files or folders, relative to the root; empty for all
 * @throws Error naming the first wanted path that matches no test
 */
export function listTestFiles(root: string, wanted: readonly string[]): readonly string[] {
  const dist = join(root, "dist");
  const all = existsSync(dist)
    ? readdirSync(dist, { recursive: true, encoding: "utf8" }).map((path) => join(dist, path))
    : [];
  const live = all.filter((file) => {
    const source = sourceOf(root, file);
    return source !== null && existsSync(join(root, source));
  });
  if (wanted.length === 0) return live.sort();
  const chosen = wanted.flatMap((path) => chooseTests(root, live, path));
  return [...new Set(chosen)].sort();
}

function chooseTests(root: string, live: readonly string[], path: string): readonly string[] {
  const plain = path
    .replace(/^\.\//, "")
    .replace(/^dist\//, "")
    .replace(/\/$/, "")
    .replace(/\.js$/, ".ts");
  const chosen = live.filter((file) => {
    const source = sourceOf(root, file);
    return source === plain || source?.startsWith(`${plain}/`);
  });
  if (chosen.length === 0) throw new Error(`no compiled test matches '${path}'; is it built?`);
  return chosen;
}
