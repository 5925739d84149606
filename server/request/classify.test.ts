import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Datatype } from "../../protocols/core/datatype.ts";
import type { Signature } from "../../protocols/core/signature.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { inferErrorOf, request, tensor } from "../../protocols/testing/codec-contract.ts";
import { assertClassifications, classifyOutputs } from "./classify.ts";

const asking = (classification: number | bigint | string) =>
  request([], {
    outputs: [{ name: "y", parameters: new Map([["classification", classification]]) }],
  });

const OF = (datatype: Datatype): Signature => ({
  inputs: [],
  outputs: [{ name: "y", datatype, shape: [-1] }],
});

function classes(output: Tensor, count: number | bigint) {
  const [answer] = classifyOutputs(asking(count), [output]);
  return { shape: answer?.shape, data: answer?.data, datatype: answer?.datatype };
}

describe("classification", () => {
  test("the greatest of each row, value and index, as BYTES", () => {
    const y = tensor("y", "FP32", Float32Array.of(0.1, 0.7, 0.2, 5, -1, 5), [2, 3]);
    assert.deepEqual(classes(y, 2), {
      shape: [2, 2],
      data: ["0.7:1", "0.2:2", "5:0", "5:2"],
      datatype: "BYTES",
    });
    assert.deepEqual(classes(y, 9n).shape, [2, 3]);
    assert.deepEqual(classes({ ...y, shape: [6] }, 1), {
      shape: [1],
      data: ["5:3"],
      datatype: "BYTES",
    });
    assert.deepEqual(classes({ ...y, shape: [1, 2, 3] }, 1).data, ["5:3"]);
  });

  test("every order of numbers: 64 bits, halves, NaN last; nothing of nothing", () => {
    const big = tensor("y", "INT64", BigInt64Array.of(1n, 9007199254740993n, 9007199254740992n));
    assert.deepEqual(classes(big, 2).data, ["9007199254740993:1", "9007199254740992:2"]);
    const half = tensor("y", "FP16", Uint16Array.of(0xbc00, 0x3c00, 0x7e00));
    assert.deepEqual(classes(half, 3).data, ["1:1", "-1:0", "NaN:2"]);
    assert.deepEqual(classes(tensor("y", "FP32", new Float32Array(0), [0, 3]), 2).shape, [0, 0]);
  });

  test("outputs that are not asked for so stay; what is no count is refused", () => {
    const z = tensor("z", "FP32", Float32Array.of(1));
    assert.deepEqual(classifyOutputs(asking(1), [z]), [z]);
    assert.deepEqual(classifyOutputs(request([]), [z]), [z]);
    for (const bad of [0, -1, 1.5, "3", 10_001, 2n ** 60n]) {
      const error = inferErrorOf(() => assertClassifications(asking(bad), OF("FP32")));
      assert.match(error?.message ?? "", /^output 'y': .*whole number from 1 to 10000, got/);
    }
    assert.equal(
      inferErrorOf(() => assertClassifications(asking(1), OF("FP32"))),
      null,
    );
    const error = inferErrorOf(() => assertClassifications(asking(1), OF("BYTES")));
    assert.match(error?.message ?? "", /BYTES has no order/);
  });
});
