import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Tensor } from "../../protocols/core/tensor.ts";
import {
  emptyState,
  FRAME_SAMPLES,
  findSegments,
  frameInputs,
  speechProbabilities,
} from "./voice-activity.ts";

/** Probabilities from runs of [value, frames]. */
function runs(...parts: readonly (readonly [number, number])[]): number[] {
  return parts.flatMap(([value, frames]) => Array.from({ length: frames }, () => value));
}

/** As frames; one is 32 ms. */
function framesOf(probabilities: readonly number[]): [number, number][] {
  return findSegments(probabilities).map(({ startSeconds, endSeconds }) => [
    Math.round(startSeconds / 0.032),
    Math.round(endSeconds / 0.032),
  ]);
}

describe("findSegments", () => {
  it("finds where speech starts and where the silence after it begins", () => {
    assert.deepEqual(framesOf(runs([0, 10], [0.9, 20], [0, 10])), [[10, 30]]);
    const [segment] = findSegments(runs([0, 10], [0.9, 20], [0, 10]));
    assert.equal(segment?.startSeconds.toFixed(2), "0.32");
  });

  it("keeps apart what a pause of 0.1 s separates, and joins over a shorter one", () => {
    const around = (pause: number) => framesOf(runs([0.9, 10], [0, pause], [0.9, 10], [0, 10]));
    assert.deepEqual(around(3), [[0, 23]]);
    assert.deepEqual(around(6), [
      [0, 10],
      [16, 26],
    ]);
  });

  it("drops bursts shorter than 0.25 s", () => {
    assert.deepEqual(framesOf(runs([0, 5], [0.9, 7], [0, 10])), []);
    assert.deepEqual(framesOf(runs([0, 5], [0.9, 8], [0, 10])), [[5, 13]]);
  });

  it("neither starts nor ends in between the two thresholds", () => {
    assert.deepEqual(framesOf(runs([0.4, 30])), []);
    assert.deepEqual(framesOf(runs([0.9, 5], [0.4, 30], [0, 10])), [[0, 35]]);
  });

  it("ends with the recording when it ends in speech", () => {
    assert.deepEqual(framesOf(runs([0, 5], [0.9, 10])), [[5, 15]]);
    assert.deepEqual(framesOf([]), []);
  });
});

describe("speechProbabilities", () => {
  it("asks frame by frame with the end of the frame before and the state that came back", async () => {
    const samples = Float32Array.from({ length: 2 * FRAME_SAMPLES + 100 }, (_, i) => i);
    const asked: Tensor[][] = [];
    const answer = (call: number): Tensor[] => [
      { name: "output", datatype: "FP32", shape: [1, 1], data: Float32Array.of(call / 4) },
      { name: "stateN", datatype: "FP32", shape: [2, 1, 128], data: emptyState().fill(call) },
    ];
    const probabilities = await speechProbabilities(samples, async (inputs) => {
      asked.push([...inputs]);
      return answer(asked.length);
    });
    assert.deepEqual(probabilities, [0.25, 0.5]);
    const [first, second] = asked.map((inputs) => inputs.map(({ data }) => data));
    assert.equal(first?.[0]?.[63], 0);
    assert.equal(first?.[0]?.[64 + 511], 511);
    assert.equal(second?.[0]?.[0], 512 - 64);
    assert.equal(second?.[1]?.[0], 1);
  });

  it("says which output an answer lacks", async () => {
    await assert.rejects(
      speechProbabilities(new Float32Array(FRAME_SAMPLES), async () => []),
      /lacks FP32 'output'/,
    );
  });

  it("copies the state, so that a frame can be kept", () => {
    const state = emptyState();
    const [, kept] = frameInputs(new Float32Array(FRAME_SAMPLES), 0, state);
    state.fill(7);
    assert.equal(kept?.data[0], 0);
  });
});
