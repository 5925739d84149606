import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServableInfo } from "../models/servable.ts";
import { modelConfig } from "./model-config.ts";

const INFO = {
  key: "k",
  id: { model: "m", version: 3 },
  platform: "onnxruntime_onnx",
  signature: {
    inputs: [{ name: "x", datatype: "BYTES", shape: [-1, 4] }],
    outputs: [{ name: "y", datatype: "FP16", shape: [-1] }],
  },
  batching: { maxRows: 64 },
  maxQueue: 5,
  slot: 1,
} as unknown as ServableInfo;

test("a batched model: dims without the batch, and dynamic batching", () => {
  const config = modelConfig(INFO);
  assert.deepEqual([config.name, config.max_batch_size], ["m", 64]);
  assert.deepEqual(config.version_policy, { specific: { versions: [3] } });
  const shown = [...config.input, ...config.output].map((t) => [t.name, t.data_type, t.dims]);
  assert.deepEqual(shown, [
    ["x", "TYPE_STRING", [4]],
    ["y", "TYPE_FP16", []],
  ]);
  assert.ok(config.dynamic_batching !== undefined);
  assert.equal(config.model_transaction_policy.decoupled, false);
});

test("one that is not: whole dims, no dynamic batching", () => {
  const fixed = {
    inputs: INFO.signature.inputs,
    outputs: [{ name: "y", datatype: "FP32", shape: [] }],
  };
  for (const info of [
    { ...INFO, batching: null },
    { ...INFO, signature: fixed },
  ]) {
    const config = modelConfig(info as ServableInfo);
    assert.deepEqual([config.max_batch_size, config.input[0]?.dims], [0, [-1, 4]]);
    assert.equal("dynamic_batching" in config, false);
  }
});
