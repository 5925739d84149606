import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Datatype } from "../core/datatype.ts";
import { fromHalfBits } from "../core/half.ts";
import type { InferRequest } from "../core/infer.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import type { Tensor, TensorData } from "../core/tensor.ts";
import { decodeFrame, encodeAnswerFrame } from "../stream/frame-codec.ts";
import { inferErrorOf, request, response, tensor } from "../testing/codec-contract.ts";
import { decodeRestResponse } from "./client-codec.ts";
import { createRestCodec } from "./infer-codec.ts";
import { JSON_NON_FINITE, type JsonNonFinite } from "./non-finite.ts";
import { assertRefused, utf8 } from "./testing/decode-text.ts";

const ODD = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
const FLOATS: readonly (readonly [Datatype, TensorData])[] = [
  ["FP32", Float32Array.of(0.1, ...ODD, -0)],
  ["FP64", Float64Array.of(0.1, ...ODD, -0)],
  ["FP16", Uint16Array.of(0x2e66, 0x7e00, 0x7c00, 0xfc00, 0x8000)],
  ["BF16", Uint16Array.of(0x3dcd, 0x7fc0, 0x7f80, 0xff80, 0x8000)],
];
const TEXTS: Readonly<Record<Exclude<JsonNonFinite, "reject">, string>> = {
  null: "[0.1,null,null,null,-0]",
  string: '[0.1,"NaN","Infinity","-Infinity",-0]',
  token: "[0.1,NaN,Infinity,-Infinity,-0]",
};

function textOf(codec: JsonNonFinite, value: Tensor, asked: InferRequest = request([])): string {
  return Buffer.concat(createRestCodec(codec).encode(response([value]), asked).parts).toString();
}

function read(policy: JsonNonFinite, datatype: Datatype, data: string, parameters = ""): Tensor {
  const json = `{${parameters}"inputs":[{"name":"x","shape":[5],"datatype":"${datatype}","data":${data}}]}`;
  const wire = { body: utf8(json), jsonBytes: null };
  return createRestCodec(policy).decode(wire, DEFAULT_LIMITS).inputs[0] as Tensor;
}

describe("NaN and infinities in JSON", () => {
  for (const policy of ["null", "string", "token"] as const) {
    for (const [datatype, data] of FLOATS) {
      const value = tensor("y", datatype, data);
      test(`${policy}: ${datatype} is written so, and read back`, () => {
        const text = textOf(policy, value);
        assert.ok(text.includes(`"data":${TEXTS[policy]}`), text);
        const answer = decodeRestResponse(utf8(text), null).outputs[0];
        const got = [read(policy, datatype, TEXTS[policy]), answer as Tensor].map(numbersOf);
        const wanted = policy === "null" ? [ODD[0], ODD[0], ODD[0]] : ODD;
        for (const numbers of got) assert.deepEqual(numbers.slice(1, 4), wanted);
        assert.equal(read(policy, datatype, TEXTS[policy]).hasNull, undefined);
      });
    }

    test(`${policy}: no other form is taken, nor in other datatypes`, () => {
      for (const other of (["string", "token"] as const).filter((each) => each !== policy)) {
        const error = inferErrorOf(() => read(policy, "FP32", TEXTS[other]));
        assert.match(error?.message ?? "", /tensor 'x': .* at element 1/);
      }
      for (const datatype of ["INT32", "BOOL", "UINT64"] as const) {
        const zeros = TEXTS[policy].replace("0.1", "0").replace("-0", "0");
        assert.match(inferErrorOf(() => read(policy, datatype, zeros))?.message ?? "", /element 1/);
      }
    });

    test(`${policy}: null is a missing value unless it is the form`, () => {
      const { hasNull } = read(policy, "FP32", TEXTS.null);
      assert.equal(hasNull, policy === "null" ? undefined : true);
    });

    test(`${policy}: a request may ask for it, and a long tensor has it among numbers`, () => {
      const asked = request([], { parameters: new Map([["json_non_finite", policy]]) });
      const value = tensor("y", "FP32", Float32Array.of(0.1, ...ODD, -0));
      assert.ok(textOf("reject", value, asked).includes(TEXTS[policy]));
      const parameters = `"parameters":{"json_non_finite":"${policy}"},`;
      for (let i = 0; i < 3; i++) {
        const [, first] = numbersOf(read("reject", "FP32", TEXTS[policy], parameters));
        assert.ok(Number.isNaN(first));
      }
      const long = Float32Array.from({ length: 1000 }, (_, i) => i / 10);
      long[500] = Number.NaN;
      const text = textOf(policy, tensor("y", "FP32", long));
      assert.deepEqual(decodeRestResponse(utf8(text), null).outputs[0]?.data, long);
    });
  }

  test("reject, the default, names tensor and element and the ways out", () => {
    for (const [datatype, data] of FLOATS) {
      assertRefused(
        () => textOf("reject", tensor("y", datatype, data)),
        /^tensor 'y': element 1 is NaN.*binary_data.*json_non_finite/,
        "not-representable",
      );
      for (const text of [TEXTS.string, TEXTS.token]) {
        assertRefused(() => read("reject", datatype, text), /tensor 'x': .* at element 1/);
      }
    }
    const asked = request([], { parameters: new Map([["json_non_finite", "reject"]]) });
    assertRefused(
      () => textOf("token", tensor("y", "FP32", Float32Array.of(Number.NaN)), asked),
      /is NaN/,
      "not-representable",
    );
  });

  test("a parameter that is none of the words is refused", () => {
    for (const bad of ['"NaN"', "true", "1", '""']) {
      const parameters = `"parameters":{"json_non_finite":${bad}},`;
      assertRefused(
        () => read("reject", "FP32", "[1,2,3,4,5]", parameters),
        new RegExp(`must be one of ${JSON_NON_FINITE.join(", ")}`),
      );
    }
  });

  test("WebSocket frames are alike", () => {
    const frame = `{"id":"1","inputs":[{"name":"x","shape":[5],"datatype":"FP32","data":${TEXTS.token}}]}`;
    const [input] = decodeFrame(utf8(frame), DEFAULT_LIMITS, "token").request.inputs;
    assert.deepEqual(numbersOf(input as Tensor).slice(1, 4), ODD);
    assertRefused(() => decodeFrame(utf8(frame), DEFAULT_LIMITS), /element 1/);
    const answer = response([tensor("y", "FP32", Float32Array.of(0.1, ...ODD, -0))], { id: "1" });
    const text = Buffer.from(encodeAnswerFrame(answer, request([]), "string")).toString();
    assert.ok(text.includes(TEXTS.string));
  });
});

function numbersOf({ datatype, data }: Tensor): readonly number[] {
  const values = [...data].map(Number);
  if (datatype !== "FP16" && datatype !== "BF16") return values;
  return values.map((bits) => fromHalfBits(bits, datatype));
}
