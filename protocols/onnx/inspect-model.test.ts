import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { ModelProtoSchema } from "onnx-buf";
import {
  badOpModel,
  externalDataModel,
  floats,
  graphAttribute,
  identityModel,
  mlpModel,
  modelOf,
  node,
  slowModel,
  stateModel,
  value,
} from "../../server/testing/tiny-models.ts";
import { DATATYPES } from "../core/datatype.ts";
import { inspectModel } from "./inspect-model.ts";
import { ModelFormatError } from "./model-format-error.ts";

const refuses = (bytes: Uint8Array, message: RegExp) =>
  assert.throws(
    () => inspectModel(bytes),
    (error) => error instanceof ModelFormatError && message.test(error.message),
  );

for (const datatype of DATATYPES) {
  test(`reads the signature of a ${datatype} model`, () => {
    assert.deepEqual(inspectModel(identityModel(datatype)).signature, {
      inputs: [{ name: "x", datatype, shape: [-1, 3] }],
      outputs: [{ name: "y", datatype, shape: [-1, 3] }],
    });
  });
}

test("reads scalars, fixed and symbolic dimensions", () => {
  const summary = inspectModel(stateModel());
  assert.deepEqual(summary.signature.inputs, [
    { name: "input", datatype: "FP32", shape: [-1, -1] },
    { name: "state", datatype: "FP32", shape: [2, -1, 128] },
    { name: "sr", datatype: "INT64", shape: [] },
  ]);
  assert.deepEqual([...summary.firstDims].sort(), [
    ["input", "batch"],
    ["output", "batch"],
    ["sr", null],
    ["state", null],
    ["stateN", null],
  ]);
});

test("reads the outline: versions, producer, operators", () => {
  const summary = inspectModel(mlpModel({ inputs: 2, hidden: [3], outputs: 1, seed: 1 }));
  assert.equal(summary.irVersion, 8);
  assert.deepEqual(summary.opset, { "": 17 });
  assert.equal(summary.producer, "sluice-tests");
  assert.deepEqual([...summary.operators].sort(), ["::Gemm", "::Relu"]);
  assert.equal(summary.usesExternalData, false);
  assert.deepEqual(summary.functions, []);
});

test("sees operators in subgraphs and other domains", () => {
  assert.ok(inspectModel(slowModel(1)).operators.has("::MatMul"));
  const bad = inspectModel(badOpModel());
  assert.deepEqual([...bad.operators], ["com.example::Nope"]);
  assert.deepEqual(bad.opset, { "": 17, "com.example": 1 });
});

test("an input that is an initialiser is no input", () => {
  const bytes = modelOf({
    nodes: [node("Mul", ["x", "w"], ["y"])],
    initializers: [floats("w", [], [2])],
    inputs: [value("w", "FP32", []), value("x", "FP32", ["batch", 4])],
    outputs: [value("y", "FP32", ["batch", 4])],
  });
  assert.deepEqual(
    inspectModel(bytes).signature.inputs.map((t) => t.name),
    ["x"],
  );
});

test("sees external data of an initialiser and of a constant in a subgraph", () => {
  assert.equal(inspectModel(externalDataModel()).usesExternalData, true);
  const hidden = { ...floats("c", [1], [1]), dataLocation: 1 };
  const constant = { name: "value", type: 4, t: hidden };
  const body = { node: [node("Constant", [], ["c"], [constant])] };
  const bytes = modelOf({
    nodes: [node("If", ["x"], ["y"], [graphAttribute("then_branch", body)])],
    inputs: [value("x", "BOOL", [])],
    outputs: [value("y", "FP32", [1])],
  });
  assert.equal(inspectModel(bytes).usesExternalData, true);
});

test("names what the bytes are instead of a model", () => {
  const text = (s: string) => new TextEncoder().encode(s);
  refuses(new Uint8Array(0), /empty file/);
  refuses(text("version https://git-lfs.github.com/spec/v1\noid"), /Git LFS pointer/);
  refuses(text('{"a":1}'), /JSON/);
  refuses(text("hello, I am a model"), /not a readable ONNX model|not an ONNX model/);
  refuses(new Uint8Array([0x50, 0x4b, 3, 4, 0, 0]), /zip archive/);
  const noGraph = create(ModelProtoSchema, { irVersion: 8n, producerName: "p" });
  refuses(toBinary(ModelProtoSchema, noGraph), /it has no graph/);
});

test("names a truncated model and the byte", () => {
  const bytes = identityModel("FP32");
  refuses(bytes.subarray(0, bytes.length - 1), /stopped at byte/);
});

test("refuses what no wire can carry, naming the tensor", () => {
  const withInput = (x: ReturnType<typeof value>) =>
    modelOf({
      nodes: [node("Identity", ["x"], ["y"])],
      inputs: [x],
      outputs: [value("y", "FP32", [1])],
    });
  const tensor = (elemType: number) => ({ case: "tensorType" as const, value: { elemType } });
  refuses(withInput({ name: "x", type: { value: tensor(14) } }), /input 'x'.*complex64/);
  refuses(withInput({ name: "x", type: { value: tensor(1) } }), /input 'x' has no shape/);
  refuses(withInput({ name: "x" }), /input 'x' has no type/);
  const sequence = { case: "sequenceType" as const, value: {} };
  refuses(withInput({ name: "x", type: { value: sequence } }), /input 'x' is a sequence/);
});

test("refuses a second graph: two readers could see two models", () => {
  const one = identityModel("FP32");
  refuses(new Uint8Array([...one, ...identityModel("INT8")]), /the graph stands twice/);
});

test("refuses endless nesting without exhausting the stack", () => {
  let body = { node: [node("Relu", ["x"], ["y"])] };
  for (let i = 0; i < 40; i += 1) {
    body = { node: [node("If", ["x"], ["y"], [graphAttribute("then_branch", body)])] };
  }
  const bytes = modelOf({
    nodes: body.node,
    inputs: [value("x", "BOOL", [])],
    outputs: [value("y", "FP32", [1])],
  });
  refuses(bytes, /nest deeper/);
});

test("any bytes give a summary or a ModelFormatError", () => {
  const seeds = [stateModel(), slowModel(1).subarray(0, 600), externalDataModel(), badOpModel()];
  const edit = fc.record({ at: fc.nat(2000), byte: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(edit, { minLength: 1, maxLength: 6 }),
      fc.nat(700),
      (seed, edits, cut) => {
        const bytes = seed.slice(0, Math.max(1, seed.length - (cut > 350 ? cut - 350 : 0)));
        for (const { at, byte } of edits) bytes[at % bytes.length] = byte;
        try {
          inspectModel(bytes);
        } catch (error) {
          assert.ok(error instanceof ModelFormatError, String(error));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
