import type { Tensor } from "../../protocols/core/tensor.ts";

/**
 * Silero VAD as a client uses it: 512 new samples a frame behind 64 of the frame before, the state
 * tensor fed back, and hysteresis over the probabilities (the model's own defaults).
 */

export const SAMPLE_RATE = 16_000;
export const FRAME_SAMPLES = 512;
const CONTEXT_SAMPLES = 64;
const STATE_SHAPE = [2, 1, 128];
const STATE_LENGTH = 256;

const SPEECH_AT = 0.5;
const SILENCE_BELOW = 0.35;
const MIN_SPEECH_SECONDS = 0.25;
const MIN_SILENCE_SECONDS = 0.1;

export interface Segment {
  readonly startSeconds: number;
  readonly endSeconds: number;
}

/** Answers one frame: outputs `output` [1,1] and `stateN` [2,1,128]. */
export type AskFrame = (inputs: readonly Tensor[]) => Promise<readonly Tensor[]>;

/** Speech probability of each frame of a recording, in order; each frame needs the one before. */
export async function speechProbabilities(samples: Float32Array, ask: AskFrame): Promise<number[]> {
  const probabilities: number[] = [];
  let state = new Float32Array(STATE_LENGTH);
  for (let at = 0; at + FRAME_SAMPLES <= samples.length; at += FRAME_SAMPLES) {
    const outputs = await ask(frameInputs(samples, at, state));
    probabilities.push(floatsOf(outputs, "output")[0] as number);
    state = floatsOf(outputs, "stateN").slice();
  }
  return probabilities;
}

/** The three inputs of the frame that starts at sample `at`. */
export function frameInputs(samples: Float32Array, at: number, state: Float32Array): Tensor[] {
  const input = new Float32Array(CONTEXT_SAMPLES + FRAME_SAMPLES);
  const from = Math.max(0, at - CONTEXT_SAMPLES);
  input.set(samples.subarray(from, at + FRAME_SAMPLES), CONTEXT_SAMPLES - (at - from));
  return [
    { name: "input", datatype: "FP32", shape: [1, input.length], data: input },
    { name: "state", datatype: "FP32", shape: STATE_SHAPE, data: state.slice() },
    { name: "sr", datatype: "INT64", shape: [], data: BigInt64Array.of(BigInt(SAMPLE_RATE)) },
  ];
}

export function emptyState(): Float32Array {
  return new Float32Array(STATE_LENGTH);
}

/** Where speech starts and ends: short bursts and short pauses do not count. */
export function findSegments(probabilities: readonly number[]): Segment[] {
  const frameSeconds = FRAME_SAMPLES / SAMPLE_RATE;
  const segments: Segment[] = [];
  let start: number | null = null;
  let silence: number | null = null;
  const end = (frame: number) => {
    const segment = { startSeconds: (start ?? 0) * frameSeconds, endSeconds: frame * frameSeconds };
    if (segment.endSeconds - segment.startSeconds >= MIN_SPEECH_SECONDS) segments.push(segment);
    start = null;
    silence = null;
  };
  for (const [frame, probability] of probabilities.entries()) {
    if (probability >= SPEECH_AT) {
      start ??= frame;
      silence = null;
    } else if (start !== null && probability < SILENCE_BELOW) {
      silence ??= frame;
      if ((frame - silence) * frameSeconds >= MIN_SILENCE_SECONDS) end(silence);
    }
  }
  if (start !== null) end(probabilities.length);
  return segments;
}

function floatsOf(outputs: readonly Tensor[], name: string): Float32Array {
  const output = outputs.find((tensor) => tensor.name === name);
  if (!(output?.data instanceof Float32Array)) throw new Error(`the answer lacks FP32 '${name}'`);
  return output.data;
}
