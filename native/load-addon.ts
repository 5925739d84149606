import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { NativeAddon } from "./addon.ts";

/** The addon, or why there is none. */
export type LoadedAddon =
  | { readonly addon: NativeAddon; readonly reason: null }
  | { readonly addon: null; readonly reason: string };

interface AddonModule {
  /** Loads the runtime's library once a process and gives the functions bound to it. */
  open(libraryPath: string): NativeAddon;
}

const ADDON_FILE = fileURLToPath(new URL("./sluice.node", import.meta.url));
let loaded: LoadedAddon | null = null;

/**
 * Loads the addon that `npm run build` made (native/build-addon.ts), once a thread.
 * @param libraryPath ONNX Runtime's shared library, the one that onnxruntime-node brings
 */
export function loadAddon(libraryPath: string): LoadedAddon {
  loaded ??= tryLoad(libraryPath);
  return loaded;
}

function tryLoad(libraryPath: string): LoadedAddon {
  if (!existsSync(ADDON_FILE)) {
    return {
      addon: null,
      reason: "it was not built (npm run build makes it where there is a C++ compiler)",
    };
  }
  try {
    const module = createRequire(import.meta.url)(ADDON_FILE) as AddonModule;
    return { addon: module.open(libraryPath), reason: null };
  } catch (thrown) {
    return { addon: null, reason: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}
