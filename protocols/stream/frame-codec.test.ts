import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DATATYPES } from "../core/datatype.ts";
import { type InferRequest, NO_PARAMETERS } from "../core/infer.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { InferError } from "../core/status.ts";
import { encodeRequest } from "../oip-rest/encode.ts";
import {
  codecContract,
  inferErrorOf,
  request,
  response,
  tensor,
} from "../testing/codec-contract.ts";
import {
  decodeFrame,
  decodeServerFrame,
  encodeAnswerFrame,
  encodeErrorFrame,
  encodeRequestFrame,
  tryFrameId,
} from "./frame-codec.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const x = tensor("x", "INT64", BigInt64Array.of(9007199254740993n));
const NO_MODEL = { name: null, version: null };
const ABSENT = "absent";

/** Frames cannot leave the id out, which the contract's messages may: it stands in for null. */
codecContract<Uint8Array, Uint8Array>("stream JSON frames", {
  datatypes: DATATYPES.filter((d) => d !== "FP16" && d !== "BF16"),
  carriesNonFinite: false,
  encodeRequest: (value) =>
    Buffer.concat(encodeRequest({ ...value, id: value.id ?? ABSENT }, () => false, []).parts),
  decodeRequest(wire, limits): InferRequest {
    const { id, request: decoded } = decodeFrame(wire, limits);
    return { ...decoded, id: id === ABSENT ? null : id };
  },
  encodeResponse: (value, asked) => encodeAnswerFrame(value, asked),
  decodeResponse(wire) {
    const frame = decodeServerFrame(wire);
    if (frame.kind === "error") throw frame.error;
    return frame.response;
  },
  mangleRequest: (wire, edit) => edit(wire),
  mangleResponse: (wire, edit) => edit(wire),
});

describe("frame-codec", () => {
  test("a request frame names its model, version and id", () => {
    const frame = encodeRequestFrame(
      { name: "m", version: "champion" },
      { id: "7", inputs: [x], outputs: ["b", "a"] },
    );
    assert.deepEqual(decodeFrame(frame, DEFAULT_LIMITS), {
      id: "7",
      ref: { name: "m", version: "champion" },
      request: {
        id: "7",
        parameters: NO_PARAMETERS,
        inputs: [x],
        outputs: [
          { name: "b", parameters: NO_PARAMETERS },
          { name: "a", parameters: NO_PARAMETERS },
        ],
        isTyped: false,
      },
    });
    const bare = encodeRequestFrame(NO_MODEL, { id: "7", inputs: [x], outputs: null });
    assert.deepEqual(decodeFrame(bare, DEFAULT_LIMITS).ref, NO_MODEL);
    assert.ok(!text(bare).includes("model"));
  });

  test("a frame needs an id and string names", () => {
    for (const frame of [
      '{"inputs":[]}',
      '{"id":"","inputs":[]}',
      '{"id":7,"inputs":[]}',
      '{"id":null,"inputs":[]}',
      '{"id":"7","model_name":1,"inputs":[]}',
      '{"id":"7","model_version":1,"inputs":[]}',
    ]) {
      assert.throws(() => decodeFrame(utf8(frame), DEFAULT_LIMITS), { code: "invalid-argument" });
    }
  });

  test("binary tensor data cannot travel in a frame", () => {
    const frame =
      '{"id":"7","inputs":[{"name":"x","shape":[0],"datatype":"FP32","parameters":{"binary_data_size":0}}]}';
    assert.match(
      inferErrorOf(() => decodeFrame(utf8(frame), DEFAULT_LIMITS))?.message ?? "",
      /no binary data can follow/,
    );
    const asked = request([], { parameters: new Map([["binary_data_output", true]]) });
    assert.match(text(encodeAnswerFrame(response([x]), asked)), /"data":\[9007199254740993\]/);
  });

  test("the id of a refused frame is found where it can be read", () => {
    const bad = utf8(
      '{"inputs":[{"name":"x","datatype":"INT8","shape":[1],"data":[1.5]}],"id":"7"}',
    );
    assert.throws(() => decodeFrame(bad, DEFAULT_LIMITS), InferError);
    assert.equal(tryFrameId(bad, DEFAULT_LIMITS), "7");
    for (const frame of ["", "{", "[]", '{"id":7}', '{"id":""}', '{"id":"7"']) {
      assert.equal(tryFrameId(utf8(frame), DEFAULT_LIMITS), null);
    }
  });

  test("answers and errors are told apart", () => {
    const answer = response([x], { id: "7" });
    const frame = decodeServerFrame(encodeAnswerFrame(answer, request([])));
    assert.deepEqual(frame, { kind: "answer", response: answer });

    const error = new InferError("queue-full", "full", { details: { depth: 2 } });
    const wire = encodeErrorFrame("7", error);
    assert.deepEqual(JSON.parse(text(wire)), {
      id: "7",
      error: "full",
      code: "queue-full",
      details: { depth: 2 },
      retry_after_ms: 1000,
    });
    const read = decodeServerFrame(wire);
    assert.ok(read.kind === "error");
    assert.equal(read.id, "7");
    assert.equal(read.error.code, "queue-full");
    assert.equal(read.error.message, "full");
    assert.deepEqual(read.error.details, { depth: 2 });
    assert.equal(read.error.retryAfterMs, 1000);
    const later = new InferError("draining", "bye", { retryAfterMs: 250.4 });
    const again = decodeServerFrame(encodeErrorFrame("7", later));
    assert.equal(again.kind === "error" && again.error.retryAfterMs, 251);
    const final = new InferError("invalid-argument", "no", { retryAfterMs: 5 });
    assert.ok(!text(encodeErrorFrame("7", final)).includes("retry_after_ms"));
    const nameless = decodeServerFrame(encodeErrorFrame(null, error));
    assert.ok(nameless.kind === "error");
    assert.equal(nameless.id, null);
  });

  test("a malformed server frame is internal", () => {
    for (const frame of ["", "[]", "{}", '{"error":7}', '{"id":"7","outputs":[]}']) {
      assert.throws(() => decodeServerFrame(utf8(frame)), { code: "internal" });
    }
  });
});
