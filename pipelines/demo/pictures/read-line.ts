import type { Tensor } from "../../../protocols/core/tensor.ts";
import type { Picture } from "./read-png.ts";

/** The recogniser's rows; width is free. */
const HEIGHT = 48;
const PLANES = 3;

/**
 * A line of print as PP-OCRv4's recogniser wants it: `x`, FP32 [1, 3, 48, width], samples from -1
 * to 1. @throws Error unless the picture is grey and 48 rows high
 */
export function lineInput({ width, height, channels, samples }: Picture): Tensor {
  if (height !== HEIGHT || channels !== 1) {
    throw new Error(`expected a grey picture of ${HEIGHT} rows, got ${channels} x ${height}`);
  }
  const plane = Float32Array.from(samples, (sample) => sample / 127.5 - 1);
  const data = new Float32Array(PLANES * plane.length);
  for (let i = 0; i < PLANES; i += 1) data.set(plane, i * plane.length);
  return { name: "x", datatype: "FP32", shape: [1, PLANES, HEIGHT, width], data };
}

/**
 * The text by greedy CTC decoding (Graves et al. 2006, section 3.2): the likeliest class of each
 * step, repetitions and blanks dropped.
 * @param probabilities FP32 [1, steps, classes]; class 0 is the blank
 * @param characters of class 1 on; the class after the last is the space
 */
export function readText(probabilities: Tensor, characters: readonly string[]): string {
  const [, steps = 0, classes = 0] = probabilities.shape;
  const data = probabilities.data as Float32Array;
  let text = "";
  let before = 0;
  for (let step = 0; step < steps; step += 1) {
    const best = indexOfMax(data.subarray(step * classes, (step + 1) * classes));
    if (best !== 0 && best !== before) text += characters[best - 1] ?? " ";
    before = best;
  }
  return text.trim();
}

function indexOfMax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) {
    if ((values[i] as number) > (values[best] as number)) best = i;
  }
  return best;
}
