import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DATATYPES } from "../core/datatype.ts";
import type { InferRequest, InferResponse } from "../core/infer.ts";
import {
  type CodecAdapter,
  codecContract,
  request,
  response,
  tensor,
} from "../testing/codec-contract.ts";
import { decodeRestResponse, encodeInferRequest } from "./client-codec.ts";
import { oipRestCodec, type RestAnswer, type RestWire } from "./infer-codec.ts";
import { assertRefused, utf8 } from "./testing/decode-text.ts";

const JSON_DATATYPES = DATATYPES.filter((d) => d !== "FP16" && d !== "BF16");

function join(answer: RestAnswer): RestWire {
  return { body: Buffer.concat(answer.parts), jsonBytes: answer.jsonBytes };
}

function adapter(isBinary: boolean): CodecAdapter<RestWire, RestWire> {
  const mangle = (wire: RestWire, edit: (bytes: Uint8Array) => Uint8Array): RestWire => ({
    body: edit(wire.body),
    jsonBytes: wire.jsonBytes,
  });
  const asked = (value: InferRequest): InferRequest =>
    isBinary ? { ...value, parameters: new Map([["binary_data_output", true]]) } : value;
  return {
    datatypes: isBinary ? DATATYPES : JSON_DATATYPES,
    carriesNonFinite: isBinary,
    encodeRequest: (value) => encodeInferRequest(value, isBinary),
    decodeRequest: (wire, limits) => oipRestCodec.decode(wire, limits),
    encodeResponse: (value, to) => join(oipRestCodec.encode(value, asked(to))),
    decodeResponse: (wire) => decodeRestResponse(wire.body, wire.jsonBytes),
    mangleRequest: mangle,
    mangleResponse: mangle,
  };
}

codecContract("oip-rest JSON", adapter(false));
codecContract("oip-rest binary", adapter(true));

describe("oip-rest: answers", () => {
  const answer: InferResponse = response(
    [
      tensor("a", "INT64", BigInt64Array.of(9007199254740993n)),
      tensor("b", "BOOL", Uint8Array.of(1, 0)),
    ],
    { id: "7" },
  );
  const ask = (outputs: InferRequest["outputs"], byDefault: boolean | null) =>
    oipRestCodec.encode(
      answer,
      request([], {
        outputs,
        parameters: new Map(byDefault === null ? [] : [["binary_data_output", byDefault]]),
      }),
    );
  const output = (name: string, binary: boolean | null) => ({
    name,
    parameters: new Map(binary === null ? [] : [["binary_data", binary]]),
  });

  test("JSON by default, flat and exact", () => {
    const { contentType, jsonBytes, parts } = ask(null, null);
    assert.equal(contentType, "application/json");
    assert.equal(jsonBytes, null);
    assert.equal(
      Buffer.concat(parts).toString(),
      '{"model_name":"m","model_version":"1","id":"7","outputs":[{"name":"a","shape":[1],"datatype":"INT64","data":[9007199254740993]},{"name":"b","shape":[2],"datatype":"BOOL","data":[true,false]}]}',
    );
  });

  test("binary_data_output is the default and binary_data overrides it", () => {
    const binaries = (outputs: InferRequest["outputs"], byDefault: boolean | null) =>
      Buffer.concat(ask(outputs, byDefault).parts).toString().split("binary_data_size").length - 1;
    assert.equal(binaries(null, true), 2);
    assert.equal(binaries(null, false), 0);
    assert.equal(binaries([output("a", null), output("b", true)], null), 1);
    assert.equal(binaries([output("a", false), output("b", null)], true), 1);
    assert.equal(binaries([output("a", false), output("b", false)], true), 0);
  });

  test("the first blob is aligned and the parts add up", () => {
    const { jsonBytes, parts } = ask(null, true);
    assert.equal((jsonBytes ?? 1) % 8, 0);
    const body = Buffer.concat(parts);
    assert.deepEqual(decodeRestResponse(body, jsonBytes), answer);
  });

  test("small blobs stand behind the JSON in one piece, large ones are views of their tensors", () => {
    const small = Uint8Array.of(1, 2, 3);
    const large = new Uint8Array(100_000).fill(4);
    const outputs = [small, large, small].map((data, i) => tensor(`y${i}`, "UINT8", data));
    const binary = request([], { parameters: new Map([["binary_data_output", true]]) });
    const { parts, jsonBytes } = oipRestCodec.encode(response(outputs), binary);
    assert.equal(parts.length, 3);
    assert.equal(parts[0]?.byteLength, (jsonBytes ?? 0) + small.byteLength);
    assert.equal(parts[1]?.buffer, large.buffer);
    const read = decodeRestResponse(Buffer.concat(parts), jsonBytes);
    assert.deepEqual(
      read.outputs.map(({ data }) => data),
      [small, large, small],
    );
  });

  test("FP32 is written short and reads back the same", () => {
    const values = Float32Array.of(0.1, 1 / 3, 123456.789, 0.05, 16777217, 1e-7, 3e38, 99.99, 1e-3);
    const { parts } = oipRestCodec.encode(response([tensor("y", "FP32", values)]), request([]));
    const text = Buffer.concat(parts).toString();
    assert.match(text, /\[0\.1,/);
    assert.deepEqual(Float32Array.from(JSON.parse(text).outputs[0].data), values);
  });

  test("what is not finite names tensor and element and offers the way out", () => {
    const bad = response([tensor("y", "FP32", Float32Array.of(0, Number.NaN))]);
    assertRefused(
      () => oipRestCodec.encode(bad, request([])),
      /tensor 'y': element 1 is NaN.*binary_data/,
      "not-representable",
    );
  });

  test("a malformed answer is the server's fault", () => {
    assertRefused(() => decodeRestResponse(utf8("<html>"), null), /malformed/, "internal");
    assertRefused(() => decodeRestResponse(utf8('{"outputs":[]}'), null), /model_name/, "internal");
  });
});
