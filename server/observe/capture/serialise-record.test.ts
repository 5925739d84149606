import assert from "node:assert/strict";
import { test } from "node:test";
import type { Datatype } from "../../../protocols/core/datatype.ts";
import type { Tensor, TensorData } from "../../../protocols/core/tensor.ts";
import { serialiseLabel, serialisePrediction } from "./serialise-record.ts";

function recordOf(inputs: readonly Tensor[], outputs: readonly Tensor[] = []) {
  const line = serialisePrediction({
    inferenceId: "p.1",
    atMs: 1_700_000_000_000,
    id: { model: 'm"1', version: 3 },
    principal: "orders",
    inputs,
    outputs,
  });
  assert.ok(!line.includes("\n"));
  return JSON.parse(line);
}

function valuesOf(datatype: Datatype, data: TensorData, hasNull = false): unknown[] {
  const tensor = { name: "x", datatype, shape: [data.length], data };
  return recordOf([hasNull ? { ...tensor, hasNull } : tensor]).inputs[0].data;
}

test("a record holds what the format says, in its order", () => {
  const x: Tensor = { name: "x", datatype: "FP32", shape: [1, 2], data: Float32Array.of(0.1, 2) };
  const y: Tensor = { name: "y\n", datatype: "BYTES", shape: [1], data: ['a"b\n'] };
  assert.deepEqual(recordOf([x], [y]), {
    kind: "prediction",
    inferenceId: "p.1",
    atMs: 1_700_000_000_000,
    model: 'm"1',
    version: 3,
    principal: "orders",
    inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data: [0.1, 2] }],
    outputs: [{ name: "y\n", datatype: "BYTES", shape: [1], data: ['a"b\n'] }],
  });
  const label = {
    kind: "label",
    model: "m",
    inferenceId: "p.1",
    row: 0,
    label: "a\n",
    atMs: 1,
  } as const;
  assert.deepEqual(JSON.parse(serialiseLabel(label)), label);
});

test("what JSON has no number for is null, and -0 stays", () => {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0.1, 1e-30];
  assert.deepEqual(valuesOf("FP64", Float64Array.from(odd)), [null, null, null, -0, 0.1, 1e-30]);
  const [nan, up, down, zero, tenth, tiny] = valuesOf("FP32", Float32Array.from(odd));
  assert.deepEqual([nan, up, down, zero, tenth], [null, null, null, -0, 0.1]);
  assert.equal(Math.fround(tiny as number), Math.fround(1e-30));
  assert.deepEqual(valuesOf("FP32", Float32Array.of(-0, 1.5)), [-0, 1.5]);
});

test("half precision is told as numbers", () => {
  const fp16 = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x7e00, 0x8000);
  assert.deepEqual(valuesOf("FP16", fp16), [1, -2, 2 ** -24, 65504, null, null, -0]);
  assert.deepEqual(valuesOf("BF16", Uint16Array.of(0x3f80, 0xc000, 0x7f80)), [1, -2, null]);
});

test("integers are exact: beyond 2^53 as text", () => {
  const big = BigInt64Array.of(-1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n));
  assert.deepEqual(valuesOf("INT64", big), [
    -1,
    2 ** 53,
    "9007199254740993",
    "-9223372036854775808",
  ]);
  assert.deepEqual(valuesOf("UINT64", BigUint64Array.of(2n ** 64n - 1n)), ["18446744073709551615"]);
  assert.deepEqual(valuesOf("INT8", Int8Array.of(-128, 127)), [-128, 127]);
  assert.deepEqual(valuesOf("UINT32", Uint32Array.of(4294967295)), [4294967295]);
  assert.deepEqual(valuesOf("BOOL", Uint8Array.of(1, 0)), [true, false]);
});

test("a text that came as null is told as null", () => {
  assert.deepEqual(valuesOf("BYTES", ["a", ""]), ["a", ""]);
  assert.deepEqual(valuesOf("BYTES", ["a", ""], true), ["a", null]);
});
