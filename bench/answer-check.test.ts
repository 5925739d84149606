import assert from "node:assert/strict";
import { test } from "node:test";
import type { InferResponse } from "../protocols/core/infer.ts";
import type { Tensor } from "../protocols/core/tensor.ts";
import { AnswerCheck } from "./answer-check.ts";

const SIGNATURE = [{ name: "y", datatype: "FP32", shape: [-1, 2] }] as const;

function answerOf(...outputs: Tensor[]): InferResponse {
  return { modelName: "m", modelVersion: "1", id: null, parameters: new Map(), outputs };
}

function floats(values: readonly number[], shape: readonly number[] = [1, 2]): Tensor {
  return { name: "y", datatype: "FP32", shape, data: new Float32Array(values) };
}

test("the first answer to an input is always wanted, then one in sixteen", () => {
  const check = new AnswerCheck(SIGNATURE, true);
  assert.equal(check.wants(3, 3), true);
  assert.equal(check.explain(3, answerOf(floats([1, 2]))), null);
  assert.equal(check.wants(3, 67), false);
  assert.equal(check.wants(3, 64), true);
});

test("a missing output, a wrong datatype, shape or element count each have their words", () => {
  const cases: [Tensor, RegExp][] = [
    [{ ...floats([1, 2]), name: "z" }, /'y' is missing/],
    [{ ...floats([]), datatype: "FP64", data: new Float64Array(2) }, /expected FP32, got FP64/],
    [floats([1, 2, 3], [1, 3]), /expected shape \[-1,2\], got \[1,3\]/],
    [floats([1, 2], [2]), /expected shape/],
    [floats([1, 2, 3]), /expected 2 elements, got 3/],
  ];
  for (const [output, expected] of cases) {
    assert.match(new AnswerCheck(SIGNATURE, true).explain(0, answerOf(output)) ?? "", expected);
  }
});

test("the same input must get the same answer, to FP32 rounding", () => {
  const check = new AnswerCheck(SIGNATURE, true);
  assert.equal(check.explain(0, answerOf(floats([100, Number.NaN]))), null);
  assert.equal(check.explain(0, answerOf(floats([100.05, Number.NaN]))), null);
  assert.equal(check.explain(1, answerOf(floats([7, 7]))), null);
  const problem = check.explain(0, answerOf(floats([101, Number.NaN])));
  assert.equal(problem, "input 0 of the pool: 'y'[0]: first answered 100, now 101");
});

test("without value checks only the form counts", () => {
  const check = new AnswerCheck(SIGNATURE, false);
  assert.equal(check.explain(0, answerOf(floats([1, 1]))), null);
  assert.equal(check.explain(0, answerOf(floats([2, 2]))), null);
  assert.notEqual(check.explain(0, answerOf(floats([2], [1, 1]))), null);
});

test("16-bit floats are compared as numbers, whole numbers and strings exactly", () => {
  const half = (bits: number): Tensor => ({
    name: "y",
    datatype: "FP16",
    shape: [1],
    data: new Uint16Array([bits]),
  });
  const compare = (a: Tensor, b: Tensor) => {
    const signature = [{ name: "y", datatype: a.datatype, shape: [1] }];
    const check = new AnswerCheck(signature, true);
    check.explain(0, answerOf(a));
    return check.explain(0, answerOf(b));
  };
  assert.equal(compare(half(0x3c00), half(0x3c01)), null);
  assert.match(compare(half(0x3c00), half(0xc000)) ?? "", /first answered 1, now -2/);
  const bfloat = { ...half(0x3f80), datatype: "BF16" } as const;
  assert.match(
    compare(bfloat, { ...bfloat, data: new Uint16Array([0x4000]) }) ?? "",
    /first answered 1, now 2/,
  );
  const whole = { ...half(0), datatype: "INT64", data: new BigInt64Array([5n]) } as const;
  assert.match(
    compare(whole, { ...whole, data: new BigInt64Array([6n]) }) ?? "",
    /first answered 5, now 6/,
  );
  const text = { ...half(0), datatype: "BYTES", data: ["a"] } as const;
  assert.notEqual(
    compare(text as unknown as Tensor, { ...half(0), datatype: "BYTES", data: ["b"] }),
    null,
  );
});
