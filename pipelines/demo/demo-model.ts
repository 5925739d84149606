import type { ModelRef } from "../../protocols/core/infer.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import type { DemoAssets } from "./demo-assets.ts";
import { emptyState, FRAME_SAMPLES, frameInputs } from "./voice-activity.ts";

export const DEMO_MODEL = "silero-vad";
export const DEMO_REF: ModelRef = { name: DEMO_MODEL, version: null };

/** In the middle of a word; both versions take it for speech without having heard the frames before. */
const EXAMPLE_FRAME = 182;

/** The inputs of one frame of speech, with nothing before it. */
export function exampleFrame({ speech }: DemoAssets): readonly Tensor[] {
  return frameInputs(speech.samples, EXAMPLE_FRAME * FRAME_SAMPLES, emptyState());
}
