import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { GOLDEN_FILE, MANIFEST_FILE } from "../../protocols/repository/layout.ts";
import type { LocalVersion } from "./source.ts";

const NOT_WEIGHTS: ReadonlySet<string> = new Set([MANIFEST_FILE, GOLDEN_FILE]);

/** Size of the files that the runtime reads. */
export async function weightBytesOf({ directory }: LocalVersion): Promise<number> {
  const names = (await readdir(directory)).filter((name) => !NOT_WEIGHTS.has(name));
  const files = await Promise.all(names.map((name) => stat(join(directory, name))));
  return files.reduce((sum, { size }) => sum + size, 0);
}
