import assert from "node:assert/strict";
import { test } from "node:test";
import type { ModelDescription } from "../protocols/client/inference-client.ts";
import { DATATYPES } from "../protocols/core/datatype.ts";
import { createInputPool } from "./input-pool.ts";

const MODEL: ModelDescription = {
  name: "m",
  versions: ["1"],
  platform: "onnx_onnxv1",
  inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
  outputs: [],
};

test("open dimensions are 1 unless a shape is given; the same seed gives the same inputs", () => {
  const pool = createInputPool(MODEL, new Map());
  assert.equal(pool.length, 64);
  assert.deepEqual(pool[0]?.inputs[0]?.shape, [1, 4]);
  assert.deepEqual(pool, createInputPool(MODEL, new Map()));
  assert.notDeepEqual(pool[0], pool[1]);
  const wide = createInputPool(MODEL, new Map([["x", [3, 4]]]));
  assert.equal(wide[0]?.inputs[0]?.data.length, 12);
});

test("every datatype gets its own storage and as many elements as its shape says", () => {
  const inputs = DATATYPES.map((datatype) => ({ name: datatype, datatype, shape: [2, -1] }));
  const [input] = createInputPool({ ...MODEL, inputs }, new Map([["BYTES", [2, 3]]]));
  for (const tensor of input?.inputs ?? []) {
    assert.equal(tensor.data.length, tensor.name === "BYTES" ? 6 : 2, tensor.name);
  }
  const halves = input?.inputs.find((t) => t.name === "FP16")?.data as Uint16Array;
  assert.ok(halves.every((bits) => bits >= 0x3800 && bits < 0x3c00));
});

test("a scalar input has one element", () => {
  const inputs = [{ name: "sr", datatype: "INT64", shape: [] } as const];
  const [input] = createInputPool({ ...MODEL, inputs }, new Map());
  assert.equal(input?.inputs[0]?.data.length, 1);
});

test("large tensors make a smaller pool", () => {
  const inputs = [{ name: "x", datatype: "UINT8", shape: [3, 512, 512] } as const];
  assert.equal(createInputPool({ ...MODEL, inputs }, new Map()).length, 2);
});

test("a shape for an unknown input, of another rank or against a fixed dimension is refused by name", () => {
  assert.throws(() => createInputPool(MODEL, new Map([["q", [1]]])), /model's inputs are x/);
  assert.throws(() => createInputPool(MODEL, new Map([["x", [4]]])), /x=4.*\[-1,4\]/);
  assert.throws(() => createInputPool(MODEL, new Map([["x", [1, 5]]])), /x=1,5/);
});
