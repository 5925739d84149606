import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const LIBRARY = /^(lib)?onnxruntime(\.so|\.dylib|\.dll|\.[\d.]+dylib)/;

/**
 * ONNX Runtime's shared library, the one that onnxruntime-node brings.
 * @throws Error where the package is missing or has none for this platform
 */
export function runtimeLibraryPath(): string {
  const manifest = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
  const binaries = join(dirname(manifest), "bin");
  for (const abi of readdirSync(binaries)) {
    const folder = join(binaries, abi, process.platform, process.arch);
    const name = listFolder(folder).find((file) => LIBRARY.test(file));
    if (name !== undefined) return join(folder, name);
  }
  const platform = `${process.platform}-${process.arch}`;
  throw new Error(`onnxruntime-node has no library for ${platform} under ${binaries}`);
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
