import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { request, response, tensor } from "../testing/codec-contract.ts";
import { GOLDEN_TENSORS } from "../testing/golden-bytes.ts";
import { encodeInferRequest } from "./client-codec.ts";
import { oipRestCodec } from "./infer-codec.ts";
import { assertRefused, dataOf, decodeJson, decodeMixed, utf8 } from "./testing/decode-text.ts";

describe("oip-rest: binary tensor data", () => {
  test("the golden bytes decode and encode", () => {
    for (const { datatype, data, hex } of GOLDEN_TENSORS) {
      const blob = Buffer.from(hex, "hex");
      const decoded = decodeMixed(
        `{"inputs":[{"name":"x","shape":[${data.length}],"datatype":"${datatype}","parameters":{"binary_data_size":${blob.byteLength}}}]}`,
        blob,
      );
      assert.deepEqual(dataOf(decoded), data);
      const answer = oipRestCodec.encode(
        response([tensor("y", datatype, data)]),
        request([], { parameters: new Map([["binary_data_output", true]]) }),
      );
      const body = Buffer.concat(answer.parts);
      assert.equal(body.subarray(answer.jsonBytes ?? 0).toString("hex"), hex);
    }
  });

  test("the specification's worked exchange", () => {
    const decoded = decodeMixed(
      '{"inputs":[{"name":"input0","shape":[2,2],"datatype":"UINT32","parameters":{"binary_data_size":16}},{"name":"input1","shape":[3],"datatype":"BOOL","parameters":{"binary_data_size":3}}],"outputs":[{"name":"output0","parameters":{"binary_data":true}}]}',
      Buffer.from("01000000020000000300000004000000", "hex"),
      Uint8Array.of(1, 0, 1),
    );
    assert.deepEqual(decoded.inputs, [
      tensor("input0", "UINT32", Uint32Array.of(1, 2, 3, 4), [2, 2]),
      tensor("input1", "BOOL", Uint8Array.of(1, 0, 1)),
    ]);
    const answer = oipRestCodec.encode(
      response([tensor("output0", "FP32", new Float32Array(6), [3, 2])], { modelName: "mymodel" }),
      decoded,
    );
    assert.equal(answer.contentType, "application/octet-stream");
    const body = Buffer.concat(answer.parts);
    const head = body.subarray(0, answer.jsonBytes ?? 0);
    assert.equal(body.byteLength - head.byteLength, 24);
    assert.deepEqual(JSON.parse(head.toString()), {
      model_name: "mymodel",
      model_version: "1",
      outputs: [
        { name: "output0", shape: [3, 2], datatype: "FP32", parameters: { binary_data_size: 24 } },
      ],
    });
  });

  test("JSON and binary inputs mix, aligned or not", () => {
    for (let pad = 0; pad < 8; pad++) {
      const decoded = decodeMixed(
        `{"inputs":[{"name":"a","shape":[1],"datatype":"FP64","parameters":{"binary_data_size":8}},{"name":"b","shape":[2],"datatype":"INT8","data":[1,2]},{"name":"c","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}${" ".repeat(pad)}`,
        new Uint8Array(Float64Array.of(2.5).buffer),
        Uint8Array.of(1, 0, 0, 0, 0x61),
      );
      assert.deepEqual(
        decoded.inputs.map((t) => t.data),
        [Float64Array.of(2.5), Int8Array.of(1, 2), ["a"]],
      );
    }
  });

  test("the client's padding lets the server view the body", () => {
    const wire = encodeInferRequest(request([tensor("é", "FP64", Float64Array.of(1, 2))]), true);
    const body = new Uint8Array(wire.body.byteLength);
    body.set(wire.body);
    const decoded = oipRestCodec.decode({ body, jsonBytes: wire.jsonBytes }, DEFAULT_LIMITS);
    const data = dataOf(decoded);
    assert.ok(data instanceof Float64Array);
    assert.equal(data.buffer, body.buffer);
  });

  const withSize = (datatype: string, shape: string, size: number | string) =>
    `{"inputs":[{"name":"x","shape":${shape},"datatype":"${datatype}","parameters":{"binary_data_size":${size}}}]}`;

  test("sizes that do not fit are refused", () => {
    const eight = new Uint8Array(8);
    assertRefused(() => decodeMixed(withSize("FP32", "[2]", 8), new Uint8Array(7)), /7 bytes/);
    assertRefused(
      () => decodeMixed(withSize("FP32", "[2]", 8), new Uint8Array(9)),
      /1 bytes follow/,
    );
    assertRefused(() => decodeMixed(withSize("FP32", "[2]", 4), eight.subarray(4)), /is 8 bytes/);
    assertRefused(() => decodeMixed(withSize("FP32", "[1]", 8), eight), /is 4 bytes/);
    for (const size of [-1, 1.5, 1e300, '"8"', "true"]) {
      assertRefused(() => decodeMixed(withSize("FP32", "[2]", size), eight), /binary_data_size/);
    }
    const text = withSize("FP32", "[0]", 0);
    assertRefused(() => decodeJson(text), /Inference-Header-Content-Length/);
    const both = text.replace('"parameters"', '"data":[],"parameters"');
    assertRefused(() => decodeMixed(both), /got both/);
    assert.deepEqual(dataOf(decodeMixed(text)), new Float32Array(0));
  });

  test("a header length out of range is refused; 0 is not offered", () => {
    const body = utf8(withSize("FP32", "[0]", 0));
    for (const jsonBytes of [-1, 1.5, Number.NaN, body.byteLength + 1, 1e300]) {
      assertRefused(
        () => oipRestCodec.decode({ body, jsonBytes }, DEFAULT_LIMITS),
        /Inference-Header-Content-Length must be/,
      );
    }
    assertRefused(
      () => oipRestCodec.decode({ body, jsonBytes: 0 }, DEFAULT_LIMITS),
      /raw binary/,
      "unsupported",
    );
  });

  test("malformed elements are named", () => {
    assertRefused(
      () => decodeMixed(withSize("BOOL", "[3]", 3), Uint8Array.of(0, 1, 2)),
      /expected 0 or 1 at element 2, got 2/,
    );
    const bytes = (shape: string, hex: string) => {
      const blob = Buffer.from(hex, "hex");
      return () => decodeMixed(withSize("BYTES", shape, blob.byteLength), blob);
    };
    assertRefused(bytes("[2]", "000000000100000080"), /element 1 is not valid UTF-8/);
    assertRefused(bytes("[2]", "0000000005000000616161"), /element 1 ends at byte/);
    assertRefused(bytes("[2]", "ffffffff00000000"), /element 0 ends at byte/);
    assertRefused(bytes("[2]", "0400000061616161"), /element 1 ends at byte/);
    assertRefused(bytes("[1]", "0000000000"), /1 bytes are left/);
    assertRefused(bytes("[2]", "00000000"), /at least 8 bytes/);
  });
});
