import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type InferRequest, NO_PARAMETERS } from "../../protocols/core/infer.ts";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import type { ServableInfo } from "../models/servable.ts";
import { validate } from "./validate.ts";

const INFO: ServableInfo = {
  key: "m/1#1",
  id: { model: "m", version: 1 },
  platform: "onnx_onnxv1",
  signature: {
    inputs: [
      { name: "a", datatype: "FP32", shape: [-1, 2] },
      { name: "b", datatype: "INT64", shape: [] },
    ],
    outputs: [
      { name: "y", datatype: "FP32", shape: [-1] },
      { name: "z", datatype: "FP32", shape: [-1] },
    ],
  },
  batching: null,
  maxQueue: 1,
  slot: 1,
};
const A: Tensor = { name: "a", datatype: "FP32", shape: [1, 2], data: new Float32Array(2) };
const B: Tensor = { name: "b", datatype: "INT64", shape: [], data: BigInt64Array.of(1n) };

function request(
  inputs: readonly Tensor[],
  outputs: readonly string[] | null = null,
): InferRequest {
  return {
    id: null,
    parameters: NO_PARAMETERS,
    inputs,
    outputs: outputs?.map((name) => ({ name, parameters: NO_PARAMETERS })) ?? null,
    isTyped: false,
  };
}

describe("validate", () => {
  it("puts inputs into the order of the signature and takes all outputs by default", () => {
    const job = validate(INFO, request([B, A]), 5, 1);
    assert.deepEqual(job, { inputs: [A, B], outputs: ["y", "z"], deadlineEpochMs: 5, priority: 1 });
    assert.deepEqual(validate(INFO, request([A, B]), 5, 1), job);
  });

  it("takes missing values only where the model does, and names the input", () => {
    const holed: Tensor = { ...A, data: Float32Array.of(1, Number.NaN), hasNull: true };
    const [a, b] = INFO.signature.inputs.map((input) => ({ ...input, nullable: true }));
    assert.ok(a !== undefined && b !== undefined);
    const nullable = { ...INFO, signature: { ...INFO.signature, inputs: [a, b] } };
    assert.deepEqual(validate(nullable, request([holed, B]), null, 2).inputs, [holed, B]);
    const message =
      "model 'm' version 1: input 'a' holds null, and the model does not accept missing values there";
    assert.throws(() => validate(INFO, request([holed, B]), null, 2), { message });
    const nan: Tensor = { ...A, data: Float32Array.of(1, Number.NaN) };
    assert.deepEqual(validate(INFO, request([nan, B]), null, 2).inputs, [nan, B]);
  });

  it("takes outputs in the order asked for", () => {
    assert.deepEqual(validate(INFO, request([A, B], ["z", "y"]), null, 2).outputs, ["z", "y"]);
  });

  const refusals: readonly [string, InferRequest, RegExp][] = [
    [
      "a missing input",
      request([A]),
      /expected inputs \['a', 'b'\] but \['b'\] did not come; got \['a'\]/,
    ],
    [
      "an unknown input",
      request([A, B, { ...A, name: "c" }]),
      /no input \['c'\]; its inputs are \['a', 'b'\]/,
    ],
    ["an input twice", request([A, A, B]), /input 'a' is given twice/],
    ["another datatype", request([{ ...A, datatype: "FP64" }, B]), /'a' expects FP32, got FP64/],
    ["another rank", request([{ ...A, shape: [2] }, B]), /'a' expects shape \[-1,2\], got \[2\]/],
    ["another size", request([{ ...A, shape: [1, 3] }, B]), /expects shape \[-1,2\], got \[1,3\]/],
    [
      "an unknown output",
      request([A, B], ["q"]),
      /no output \['q'\]; its outputs are \['y', 'z'\]/,
    ],
    ["an output twice", request([A, B], ["y", "y"]), /asked for twice/],
    [
      "a prototype's name",
      request([A, B, { ...A, name: "__proto__" }]),
      /no input \['__proto__'\]/,
    ],
  ];
  for (const [what, given, message] of refusals) {
    it(`refuses ${what}, naming model, expected and came`, () => {
      assert.throws(
        () => validate(INFO, given, null, 2),
        (thrown) => {
          assert.ok(thrown instanceof InferError);
          assert.equal(thrown.code, "invalid-argument");
          assert.match(thrown.message, /^model 'm' version 1: /);
          assert.match(thrown.message, message);
          return true;
        },
      );
    });
  }
});
