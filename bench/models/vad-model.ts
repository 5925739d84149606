import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { InferInput } from "../../protocols/client/inference-client.ts";
import { randomStream } from "../random.ts";

const SAMPLE_RATE = 16_000;
/** 64 of the frame before and 512 new ones, at 16 kHz. */
const SAMPLES = 576;
const STATE = [2, 1, 128] as const;
const POOL_SIZE = 32;

/**
 * Silero VAD v5 (MIT), out of a development dependency.
 * @throws Error when @ricky0123/vad-web is not installed
 */
export function vadModel(): Uint8Array {
  const manifest = createRequire(import.meta.url).resolve("@ricky0123/vad-web/package.json");
  return readFileSync(join(dirname(manifest), "dist", "silero_vad_v5.onnx"));
}

/** Noise as audio, with the state of a stream's start. */
export function vadInputs(): InferInput[] {
  const random = randomStream(5);
  return Array.from({ length: POOL_SIZE }, () => {
    const audio = Float32Array.from({ length: SAMPLES }, () => (random() * 2 - 1) * 0.1);
    return {
      inputs: [
        { name: "input", datatype: "FP32", shape: [1, SAMPLES], data: audio },
        { name: "state", datatype: "FP32", shape: STATE, data: new Float32Array(256) },
        { name: "sr", datatype: "INT64", shape: [], data: BigInt64Array.of(BigInt(SAMPLE_RATE)) },
      ],
      outputs: null,
    };
  });
}
