import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, StringStringEntryProtoSchema } from "onnx-buf";
import { modelOf, node, value } from "../../server/testing/tiny-models.ts";
import type { Datatype } from "../core/datatype.ts";
import { parseManifest, serializeDocument } from "../repository/documents.ts";
import type { Manifest } from "../repository/schemas.ts";
import { inspectModel } from "./inspect-model.ts";

function modelWith(entries: readonly (readonly [string, string])[]): Uint8Array {
  const inputs: [string, Datatype][] = [
    ["f", "FP32"],
    ["h", "FP16"],
    ["t", "BYTES"],
    ["n", "INT64"],
  ];
  const bytes = modelOf({
    nodes: inputs.map(([name]) => node("Identity", [name], [`${name}_out`])),
    inputs: inputs.map(([name, datatype]) => value(name, datatype, ["batch", 1])),
    outputs: inputs.map(([name, datatype]) => value(`${name}_out`, datatype, ["batch", 1])),
  });
  const model = fromBinary(ModelProtoSchema, bytes);
  model.metadataProps = entries.map(([key, text]) =>
    create(StringStringEntryProtoSchema, { key, value: text }),
  );
  return toBinary(ModelProtoSchema, model);
}

const nullableOf = (...entries: readonly (readonly [string, string])[]) =>
  inspectModel(modelWith(entries))
    .signature.inputs.filter((input) => input.nullable === true)
    .map((input) => input.name);

test("a model names the inputs that take missing values", () => {
  assert.deepEqual(nullableOf(["author", "x"], ["sluice.nullable", '["f","t","h"]']), [
    "f",
    "h",
    "t",
  ]);
  const { inputs, outputs } = inspectModel(modelWith([["sluice.nullable", '["f"]']])).signature;
  assert.deepEqual(inputs[0], { name: "f", datatype: "FP32", shape: [-1, 1], nullable: true });
  assert.deepEqual(inputs[1], { name: "h", datatype: "FP16", shape: [-1, 1] });
  assert.ok(outputs.every((output) => !("nullable" in output)));
});

test("names that cannot be are passed over", () => {
  assert.deepEqual(nullableOf(["sluice.nullable", '["n","f_out","nobody",1,null,"f"]']), ["f"]);
});

test("garbage makes no input nullable and no model unreadable", () => {
  const garbage = ["", "f", "{}", '{"f":true}', "[", '"f"', "null", "[".repeat(100_000), "\u0000"];
  for (const text of garbage) assert.deepEqual(nullableOf(["sluice.nullable", text]), [], text);
  assert.deepEqual(nullableOf(["sluice.nullable", `["f"${" ".repeat(1 << 20)}]`]), []);
  assert.deepEqual(nullableOf(["sluice.nullable", '["f"]'], ["sluice.nullable", '["t"]']), []);
  assert.deepEqual(nullableOf(["SLUICE.NULLABLE", '["f"]']), []);
});

test("bytes that are no text in keys and values are passed over", () => {
  const entry = Buffer.from([0x72, 6, 0x0a, 1, 0xff, 0x12, 1, 0xfe]);
  const bytes = Buffer.concat([modelWith([["sluice.nullable", '["f"]']]), entry]);
  assert.equal(inspectModel(bytes).signature.inputs[0]?.nullable, true);
});

test("a manifest with the key and one from before it are both read", () => {
  const manifest = (signature: Manifest["signature"]): Manifest => ({
    schemaVersion: 1,
    model: "m",
    version: 1,
    files: [{ path: "model.onnx", bytes: 1, sha256: "0".repeat(64) }],
    signature,
    opset: { "": 17 },
    breaking: false,
    createdAt: "2026-01-01T00:00:00.000Z",
    lineage: {},
  });
  for (const extra of [{}, { nullable: true }]) {
    const input = { name: "x", datatype: "FP32" as const, shape: [-1], ...extra };
    const written = manifest({ inputs: [input], outputs: [] });
    assert.deepEqual(parseManifest("m", serializeDocument(written)).signature.inputs, [input]);
  }
});
