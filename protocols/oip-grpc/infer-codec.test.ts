import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { DATATYPES } from "../core/datatype.ts";
import type { InferRequest, InferResponse } from "../core/infer.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import {
  type CodecAdapter,
  codecContract,
  inferErrorOf,
  request,
  response,
  tensor,
} from "../testing/codec-contract.ts";
import {
  GOLDEN_GRPC_RAW_REQUEST,
  GOLDEN_GRPC_RESPONSE,
  GOLDEN_GRPC_TYPED_REQUEST,
  GOLDEN_TENSORS,
} from "../testing/golden-bytes.ts";
import {
  decodeInferRequest,
  decodeInferResponse,
  encodeInferRequest,
  encodeInferResponse,
  grpcInferCodec,
  readModelRef,
} from "./infer-codec.ts";

const REF = { name: "m", version: null };
const TYPED_DATATYPES = DATATYPES.filter((d) => d !== "FP16" && d !== "BF16");
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const decode = (wire: Uint8Array) => decodeInferRequest(wire, DEFAULT_LIMITS);

function adapter(isTyped: boolean): CodecAdapter<Uint8Array, Uint8Array> {
  return {
    datatypes: isTyped ? TYPED_DATATYPES : DATATYPES,
    carriesNonFinite: true,
    encodeRequest: (value) => encodeInferRequest(REF, { ...value, isTyped }),
    decodeRequest: (wire, limits) => grpcInferCodec.decode(wire, limits),
    encodeResponse: (value, asked) => grpcInferCodec.encode(value, { ...asked, isTyped }),
    decodeResponse: (wire) => decodeInferResponse(wire, DEFAULT_LIMITS),
    mangleRequest: (wire, edit) => edit(wire),
    mangleResponse: (wire, edit) => edit(wire),
  };
}

codecContract("grpc, raw contents", adapter(false));
codecContract("grpc, typed contents", adapter(true));

describe("golden bytes", () => {
  const x = tensor("x", "FP32", Float32Array.of(1, 2), [1, 2]);

  test("raw request", () => {
    const value: InferRequest = request([x], { id: "42" });
    assert.equal(hex(encodeInferRequest(REF, value)), GOLDEN_GRPC_RAW_REQUEST);
    assert.deepEqual(decode(unhex(GOLDEN_GRPC_RAW_REQUEST)), value);
  });

  test("typed request with a uint64 parameter", () => {
    assert.deepEqual(
      decode(unhex(GOLDEN_GRPC_TYPED_REQUEST)),
      request([x], { id: "42", isTyped: true, parameters: new Map([["priority", 1]]) }),
    );
  });

  test("raw response", () => {
    const value: InferResponse = response([{ ...x, name: "y" }], { id: "42" });
    assert.equal(hex(encodeInferResponse(value, false)), GOLDEN_GRPC_RESPONSE);
    assert.deepEqual(decodeInferResponse(unhex(GOLDEN_GRPC_RESPONSE), DEFAULT_LIMITS), value);
  });

  for (const { datatype, data, hex: raw } of GOLDEN_TENSORS) {
    test(`raw ${datatype}`, () => {
      const value = request([tensor("x", datatype, data)]);
      const wire = encodeInferRequest(REF, value);
      assert.ok(hex(wire).endsWith(raw));
      assert.deepEqual(decode(wire), value);
    });
  }
});

describe("the model's name", () => {
  test("is read without a look at the tensors", () => {
    const wire = encodeInferRequest({ name: "iris", version: "3" }, request([]));
    assert.deepEqual(readModelRef(wire), { name: "iris", version: "3" });
    const broken = new Uint8Array([...wire, 0x2a, 2, 0xff, 0xff]);
    assert.deepEqual(readModelRef(broken), { name: "iris", version: "3" });
    assert.equal(inferErrorOf(() => decode(broken))?.code, "invalid-argument");
  });

  test("is null-versioned when no version is sent", () => {
    assert.deepEqual(readModelRef(encodeInferRequest(REF, request([]))), REF);
  });

  test("is the last one sent, and must be a legal name", () => {
    const twice = new BinaryWriter().uint32(0x0a).string("a").uint32(0x0a).string("b").finish();
    assert.equal(readModelRef(twice).name, "b");
    for (const name of ["", "../etc", "a b"]) {
      const wire = new BinaryWriter().uint32(0x0a).string(name).finish();
      assert.equal(inferErrorOf(() => readModelRef(wire))?.code, "invalid-argument", name);
    }
  });

  test("must be UTF-8", () => {
    const error = inferErrorOf(() => readModelRef(new Uint8Array([0x0a, 1, 0xff])));
    assert.equal(error?.code, "invalid-argument");
  });
});

test("raw numbers are viewed, not copied, where they lie aligned", () => {
  const wire = encodeInferRequest(REF, request([tensor("x", "UINT8", new Uint8Array(8192))]));
  const data = decode(wire).inputs[0]?.data as Uint8Array;
  assert.equal(data.buffer, wire.buffer);
});
