import assert from "node:assert/strict";
import { it } from "node:test";
import { arrayOf } from "../../../protocols/core/datatype.ts";
import { ask, type Reply } from "../../transport/testing/clients.ts";
import {
  EVERYWHERE,
  GOLDEN_JSON,
  goldenBytes,
  goldenCount,
  inputOf,
  outputOf,
} from "./conformance-models.ts";
import {
  EVERY,
  inferParts,
  outputsOf,
  part,
  ROWS,
  rows,
  type Server,
  textOf,
} from "./conformance-requests.ts";

function assertGolden(reply: Reply, isBinary: boolean, isEmpty: boolean): void {
  const outputs = outputsOf(reply);
  const names = outputs.map((each) => each.name);
  assert.deepEqual(names, EVERYWHERE.map(outputOf));
  for (const [i, datatype] of EVERYWHERE.entries()) {
    assert.deepEqual(outputs[i]?.shape, [isEmpty ? 0 : goldenCount(datatype)]);
    const blob = isEmpty ? Buffer.alloc(0) : goldenBytes(datatype);
    if (isBinary) assert.deepEqual(outputs[i]?.blob, blob, datatype);
    else assert.ok(textOf(reply).includes(`"data":${isEmpty ? "[]" : GOLDEN_JSON[datatype]}`));
  }
}

/** Tensors in every form (sheet §14: datatypes, mixed, outputs, raw, zero-size, rank 0, 2^53 + 1). */
export function tensorCases(server: Server, hasBf16: () => boolean): void {
  for (const [name, isBinaryIn, isBinaryOut] of [
    ["JSON to JSON", () => false, false],
    ["JSON to binary", () => false, true],
    ["binary to JSON", () => true, false],
    ["binary to binary", () => true, true],
    ["mixed to JSON", (i: number) => i % 2 === 0, false],
    ["mixed to binary", (i: number) => i % 2 === 1, true],
  ] as const) {
    it(`every datatype: ${name}, exact, and of size 0`, async () => {
      for (const isEmpty of [false, true]) {
        const parts = EVERYWHERE.map((each, i) => part(each, isBinaryIn(i), isEmpty));
        const rest = `,"parameters":{"binary_data_output":${isBinaryOut}}`;
        assertGolden(await inferParts(server, EVERY, parts, rest), isBinaryOut, isEmpty);
      }
    });
  }

  it("BF16 where the engine has it, in JSON and in binary", async () => {
    const replies = [
      await inferParts(server, "/v2/models/bf16/infer", [part("BF16", false)]),
      await inferParts(server, "/v2/models/bf16/infer", [part("BF16", true)]),
    ];
    for (const reply of replies) {
      if (hasBf16()) assert.ok(textOf(reply).includes(`"data":${GOLDEN_JSON.BF16}`));
      else assert.equal(reply.json.code, "model-not-ready");
    }
  });

  it("requested outputs: a subset, in their order, binary_data over binary_data_output", async () => {
    const parts = EVERYWHERE.map((each) => part(each, false));
    const outputs = `,"parameters":{"binary_data_output":true},"outputs":[{"name":"y_bytes"},{"name":"y_bool","parameters":{"binary_data":false}},{"name":"y_fp16"}]`;
    const answered = outputsOf(await inferParts(server, EVERY, parts, outputs));
    assert.deepEqual(
      answered.map(({ name, data, blob }) => [name, data ?? blob?.toString("hex")]),
      [
        ["y_bytes", goldenBytes("BYTES").toString("hex")],
        ["y_bool", [true, false, true]],
        ["y_fp16", goldenBytes("FP16").toString("hex")],
      ],
    );
  });

  it("a scalar of rank 0, in JSON and in binary", async () => {
    const head = '{"name":"x","datatype":"FP32","shape":[]';
    const path = "/v2/models/scalar/infer";
    const json = await inferParts(server, path, [{ json: `${head},"data":7.5}`, blob: null }]);
    assert.match(textOf(json), /"shape":\[\],"datatype":"FP32","data":\[7\.5\]/);
    const blob = Buffer.alloc(4);
    blob.writeFloatLE(-3);
    const sized = { json: `${head},"parameters":{"binary_data_size":4}}`, blob };
    const rest = ',"parameters":{"binary_data_output":true}';
    const [output] = outputsOf(await inferParts(server, path, [sized], rest));
    assert.deepEqual([output?.shape, output?.blob], [[], blob]);
  });

  it("a raw binary request: two rows of three, all outputs binary", async () => {
    const data = Buffer.from(new Float32Array([1, 2, 3, 4, 5, 6]).buffer);
    const headers = { "inference-header-content-length": "0" };
    const [output] = outputsOf(await ask(server().httpPort, ROWS, { body: data, headers }));
    assert.deepEqual([output?.shape, output?.blob], [[2, 3], data]);
    const odd = await ask(server().httpPort, ROWS, { body: data.subarray(4), headers });
    assert.equal(odd.status, 400);
  });

  it("nested and flat data mean the same; no rows are no error", async () => {
    for (const data of ["[1,2,3,4,5,6]", "[[1,2,3],[4,5,6]]"]) {
      const body = rows(`{"name":"x","datatype":"FP32","shape":[2,3],"data":${data}}`);
      const reply = await ask(server().httpPort, ROWS, { body });
      assert.deepEqual(reply.json.outputs[0].data, [1, 2, 3, 4, 5, 6]);
    }
    const body = rows('{"name":"x","datatype":"FP32","shape":[0,3],"data":[]}');
    const reply = await ask(server().httpPort, ROWS, { body });
    assert.deepEqual([reply.json.outputs[0].shape, reply.json.outputs[0].data], [[0, 3], []]);
  });

  it("2^53 + 1 through gRPC too", async () => {
    const client = server().grpc();
    const inputs = EVERYWHERE.map((datatype) => ({
      name: inputOf(datatype),
      datatype,
      shape: [0],
      data: datatype === "BYTES" ? [] : new (arrayOf(datatype))(0),
    }));
    const wanted = BigInt64Array.of(9007199254740993n);
    const exact = { name: "x_int64", datatype: "INT64" as const, shape: [1], data: wanted };
    const sent = inputs.map((each) => (each.name === "x_int64" ? exact : each));
    const answer = await client.infer(
      { name: "every", version: null },
      { inputs: sent, outputs: ["y_int64"] },
    );
    assert.deepEqual(answer.outputs[0]?.data, wanted);
    await client.close();
  });
}
