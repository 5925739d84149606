import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import { drawFace } from "./draw-face.ts";
import { type Face, faceInput, findFaces } from "./find-faces.ts";
import { loadPictureAssets } from "./picture-assets.ts";
import { lineInput, readText } from "./read-line.ts";

const CLASSES = 4;

/** One likeliest class for each step. */
function steps(...best: readonly number[]): Tensor {
  const data = new Float32Array(best.length * CLASSES);
  for (const [step, each] of best.entries()) data[step * CLASSES + each] = 1;
  return { name: "p", datatype: "FP32", shape: [1, best.length, CLASSES], data };
}

describe("a line of print", () => {
  it("goes in as three planes from -1 to 1", () => {
    const samples = new Uint8Array(48 * 2).fill(255);
    samples[0] = 0;
    const { shape, data } = lineInput({ width: 2, height: 48, channels: 1, samples });
    assert.deepEqual(shape, [1, 3, 48, 2]);
    assert.deepEqual([data[0], data[1], data[96], data[97]], [-1, 1, -1, 1]);
    assert.throws(() => lineInput({ width: 2, height: 47, channels: 1, samples }), /48 rows/);
  });

  it("comes out without blanks and repetitions, but with doubled letters", () => {
    assert.equal(readText(steps(0, 1, 1, 0, 1, 2, 0), ["a", "b"]), "aab");
    // The class after the last character is the space; the ones around the line go.
    assert.equal(readText(steps(3, 1, 3, 2, 3), ["a", "b"]), "a b");
  });
});

function outputs(boxOf: (i: number) => number): Tensor[] {
  const tensor = (name: string, length: number, at: (i: number) => number): Tensor => ({
    name,
    datatype: "FP32",
    shape: [1, length],
    data: Float32Array.from({ length }, (_, i) => at(i)),
  });
  return [
    // The boxes of the cell in the upper left, and a likelier one in the cell beside it.
    tensor("Identity:0", 512, (i) => (i < 2 ? 2 : i === 2 ? 3 : -9)),
    tensor("Identity_1:0", 384, (i) => (i === 383 ? 4 : -9)),
    tensor("Identity_2:0", 512 * 16, boxOf),
    tensor("Identity_3:0", 384 * 16, boxOf),
  ];
}

describe("faces", () => {
  it("are told from boxes around anchors; of those that overlap the likeliest stays", () => {
    // Centre on the anchor, 32 pixels wide and high, eyes 8 pixels to each side.
    const box = [0, 0, 32, 32, -8, -4, 8, -4];
    const faces = findFaces(outputs((i) => box[i % 16] ?? 0));
    assert.equal(faces.length, 2);
    const [low, high] = faces as [Face, Face];
    assert.equal(low.left, 7.5 / 8 - 0.125);
    assert.deepEqual(low.eyes[0], { x: 7.5 / 8 - 0.0625, y: 7.5 / 8 - 0.03125 });
    assert.equal(high.left, 1.5 / 16 - 0.125);
    assert.ok(low.score > high.score);
  });

  it("go in as means from -1 to 1 of the picture's squares", () => {
    const { face } = loadPictureAssets();
    const { shape, data } = faceInput(face);
    assert.deepEqual(shape, [1, 128, 128, 3]);
    const corner = [0, 1, 256, 257].map((pixel) => face.samples[pixel * 3] ?? 0);
    const mean = corner.reduce((sum, each) => sum + each, 0) / 4;
    assert.ok(Math.abs((data[0] as number) - (mean / 127.5 - 1)) < 1e-5);
  });

  it("are drawn with a frame and the eyes", () => {
    const samples = new Uint8Array(128 * 128 * 3).fill(255);
    const eyes = [
      { x: 0.4, y: 0.4 },
      { x: 0.6, y: 0.4 },
    ] as const;
    const face: Face = { score: 1, left: 0.25, top: 0.25, width: 0.5, height: 0.5, eyes };
    const drawn = drawFace({ width: 128, height: 128, channels: 3, samples }, face).split("\n");
    assert.equal(drawn.length, 20);
    assert.equal(drawn[5], `${" ".repeat(11)}${"_".repeat(23)}`);
    assert.match(drawn[8] ?? "", /^ {11}\| +O +O +\|$/);
    assert.equal(drawn[4], "");
  });
});
