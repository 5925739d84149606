import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NeedsSignature } from "../core/codec.ts";
import type { Datatype } from "../core/datatype.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import type { Signature } from "../core/signature.ts";
import { oipRestCodec } from "./infer-codec.ts";
import { assertRefused, utf8 } from "./testing/decode-text.ts";

const model = (datatype: Datatype, ...shapes: readonly (readonly number[])[]): Signature => ({
  inputs: shapes.map((shape, i) => ({ name: `x${i}`, datatype, shape })),
  outputs: [],
});

function raw(body: Uint8Array, signature: Signature) {
  return oipRestCodec.decode({ body, jsonBytes: 0 }, DEFAULT_LIMITS, signature);
}

const shapeOf = (body: Uint8Array, signature: Signature) => raw(body, signature).inputs[0]?.shape;
const bytes = (count: number) => new Uint8Array(count);

describe("raw binary requests", () => {
  test("the body is the one input, and all outputs are asked for as binary", () => {
    const body = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    const request = raw(body, model("FP32", [-1, 4]));
    assert.deepEqual(request, {
      id: null,
      parameters: new Map([["binary_data_output", true]]),
      inputs: [{ name: "x0", datatype: "FP32", shape: [1, 4], data: Float32Array.of(1, 2, 3, 4) }],
      outputs: null,
      isTyped: false,
    });
  });

  test("one free dimension follows from the length; of two the first is one row", () => {
    assert.deepEqual(shapeOf(bytes(48), model("FP32", [-1, 4])), [3, 4]);
    assert.deepEqual(shapeOf(bytes(6), model("INT16", [3, -1])), [3, 1]);
    assert.deepEqual(shapeOf(bytes(40), model("FP64", [-1, -1])), [1, 5]);
    assert.deepEqual(shapeOf(bytes(4), model("INT32", [])), []);
    assert.deepEqual(shapeOf(bytes(0), model("FP32", [-1, 4])), [0, 4]);
    assert.deepEqual(shapeOf(bytes(0), model("FP32", [-1, 0])), [0, 0]);
  });

  test("a BYTES body is one element as it stands", () => {
    const [input] = raw(utf8("é\u0000x"), model("BYTES", [-1, 1])).inputs;
    assert.deepEqual([input?.shape, input?.data], [[1, 1], ["é\u0000x"]]);
    assert.deepEqual(raw(bytes(0), model("BYTES", [-1])).inputs[0]?.data, [""]);
    assertRefused(() => raw(Uint8Array.of(0xff), model("BYTES", [-1])), /not valid UTF-8/);
    assertRefused(() => raw(utf8("a"), model("BYTES", [-1, 3])), /one BYTES element/);
  });

  test("what the signature leaves open or the length does not fill is refused", () => {
    assertRefused(() => raw(bytes(4), model("FP32", [-1], [-1])), /one input, this has 2/);
    assertRefused(() => raw(bytes(4), model("FP32")), /one input, this has 0/);
    assertRefused(() => raw(bytes(8), model("FP32", [2, -1, -1])), /leaves shape \[2,-1,-1\] open/);
    assertRefused(() => raw(bytes(8), model("FP32", [-1, -1, -1])), /open/);
    assertRefused(() => raw(bytes(20), model("FP32", [-1, 4])), /a multiple of 16 bytes, got 20/);
    assertRefused(() => raw(bytes(4), model("FP32", [-1, 0])), /a multiple of 0 bytes, got 4/);
    assertRefused(() => raw(bytes(12), model("FP32", [2, 2])), /is 16 bytes, got/);
    assertRefused(() => raw(Uint8Array.of(2), model("BOOL", [-1])), /expected 0 or 1/);
  });

  test("has no meaning without a signature, and a limit with one", () => {
    const wire = { body: bytes(4), jsonBytes: 0 };
    assertRefused(
      () => oipRestCodec.decode(wire, DEFAULT_LIMITS),
      /no meaning here/,
      "unsupported",
    );
    assert.throws(() => oipRestCodec.decode(wire, DEFAULT_LIMITS), NeedsSignature);
    assertRefused(
      () => oipRestCodec.decode(wire, { ...DEFAULT_LIMITS, maxBodyBytes: 3 }, model("FP32", [1])),
      /maxBodyBytes/,
      "payload-too-large",
    );
  });
});
