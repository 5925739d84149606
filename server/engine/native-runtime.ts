import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { NativeAddon } from "../../native/addon.ts";
import { type LoadedAddon, loadAddon } from "../../native/load-addon.ts";

/** The addon's functions for text of numbers; they need no session. */
export type NumberFunctions = Pick<NativeAddon, "scanNumbers" | "writeNumbers">;

const BINDING_FOLDER = /^napi-v(\d+)$/;
/** Not the libraries of execution providers, which carry a name in between. */
const LIBRARY = /^libonnxruntime(\.\d+)*\.(so(\.\d+)*|dylib)$/;

/**
 * The addon over the runtime's library that onnxruntime-node brings, or why there is none. Loaded
 * once a thread; the library once a process. The package itself is not imported: that would load
 * its binding beside ours.
 */
export function loadNativeRuntime(): LoadedAddon {
  const { path, reason } = findRuntimeLibrary();
  return path === null ? { addon: null, reason } : loadAddon(path);
}

/** null where the addon does not load. */
export function loadNumberFunctions(): NumberFunctions | null {
  return loadNativeRuntime().addon;
}

type FoundLibrary =
  | { readonly path: string; readonly reason: null }
  | { readonly path: null; readonly reason: string };

function findRuntimeLibrary(): FoundLibrary {
  const { platform, arch } = process;
  try {
    const root = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
    const path = newestLibrary(join(root, "bin"), join(platform, arch));
    if (path !== null) return { path, reason: null };
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message.split("\n")[0] : String(thrown);
    return { path: null, reason: `onnxruntime-node is not there: ${why}` };
  }
  return { path: null, reason: `onnxruntime-node has no library for ${platform} ${arch}` };
}

function newestLibrary(bin: string, machine: string): string | null {
  const versions = readdirSync(bin)
    .map((name) => Number(BINDING_FOLDER.exec(name)?.[1] ?? -1))
    .filter((version) => version >= 0)
    .sort((a, b) => b - a);
  for (const version of versions) {
    const folder = join(bin, `napi-v${version}`, machine);
    // The shortest name is the one that the binding itself is linked to.
    const [name] = listFiles(folder)
      .filter((each) => LIBRARY.test(each))
      .sort((a, b) => a.length - b.length);
    if (name !== undefined) return join(folder, name);
  }
  return null;
}

function listFiles(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    // This version of the package has nothing for the machine.
    return [];
  }
}
