import type { InferenceClient } from "../../protocols/client/inference-client.ts";
import type { DemoAssets } from "./demo-assets.ts";
import { DEMO_REF } from "./demo-model.ts";
import type { Say } from "./say.ts";
import { findSegments, type Segment, speechProbabilities } from "./voice-activity.ts";

/** Sends a recording frame by frame over each client and says where speech starts and ends. */
export async function hearSpeech(
  clients: readonly InferenceClient[],
  assets: DemoAssets,
  say: Say,
  signal: AbortSignal,
): Promise<void> {
  const { samples, sampleRate } = assets.speech;
  say(`${assets.speechLabel}: ${(samples.length / sampleRate).toFixed(1)} s of speech`);
  for (const client of clients) {
    const startMs = performance.now();
    const probabilities = await speechProbabilities(samples, async (inputs) => {
      signal.throwIfAborted();
      const { outputs } = await client.infer(DEMO_REF, { inputs, outputs: null });
      return outputs;
    });
    const frameMs = ((performance.now() - startMs) / probabilities.length).toFixed(2);
    const heard = tellSegments(findSegments(probabilities));
    const protocol = client.protocol.padEnd(9);
    say(`${protocol} ${probabilities.length} frames, ${frameMs} ms each: speech at ${heard}`);
  }
}

function tellSegments(segments: readonly Segment[]): string {
  return segments
    .map(({ startSeconds, endSeconds }) => `${startSeconds.toFixed(2)}-${endSeconds.toFixed(2)} s`)
    .join(", ");
}
