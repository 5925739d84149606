import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DATATYPES } from "../core/datatype.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { decodeFrame } from "../stream/frame-codec.ts";
import { inferErrorOf } from "../testing/codec-contract.ts";
import { decodeRestResponse, encodeInferRequest } from "./client-codec.ts";
import { assertRefused, decodeJson, oneInput, utf8 } from "./testing/decode-text.ts";

describe("null in the data of an input", () => {
  for (const datatype of ["FP32", "FP64"] as const) {
    test(`is NaN in ${datatype}, flat and nested, and said so`, () => {
      for (const data of ["[1.5,null, null ,-2]", "[[1.5,null],[null,-2]]"]) {
        const [tensor] = oneInput(datatype, "[2,2]", data).inputs;
        assert.deepEqual([...(tensor?.data ?? [])], [1.5, Number.NaN, Number.NaN, -2]);
        assert.equal(tensor?.hasNull, true);
      }
    });
  }

  test('is "" in BYTES', () => {
    const [tensor] = oneInput("BYTES", "[3]", '["a",null,"null"]').inputs;
    assert.deepEqual(tensor?.data, ["a", "", "null"]);
    assert.equal(tensor?.hasNull, true);
  });

  test("leaves no mark where there is none", () => {
    const { inputs } = decodeJson(
      '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]},{"name":"y","shape":[1],"datatype":"FP32","data":[null]}]}',
    );
    assert.deepEqual(
      inputs.map((tensor) => tensor.hasNull ?? false),
      [false, true],
    );
  });

  test("is refused in datatypes that have no value for it", () => {
    const have = new Set(["FP32", "FP64", "BYTES", "FP16", "BF16"]);
    for (const datatype of DATATYPES.filter((each) => !have.has(each))) {
      const message = new RegExp(
        `tensor 'x': element 1 is null; ${datatype} has no missing values`,
      );
      assertRefused(() => oneInput(datatype, "[2]", "[1,null]"), message);
    }
  });

  test("is a whole word in its place", () => {
    for (const data of ["[nul]", "[nulll]", "[Null]", "[null null]", "[null,]", "[null", "[nan]"]) {
      const wire = `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":${data}}]}`;
      assert.equal(inferErrorOf(() => decodeJson(wire))?.code, "invalid-argument", data);
    }
    assertRefused(() => oneInput("BYTES", "[2]", "[nul,1]"), /expected a BYTES value at element 0/);
  });

  test("comes through a WebSocket frame alike", () => {
    const text = '{"id":"1","inputs":[{"name":"x","shape":[2],"datatype":"FP32","data":[null,1]}]}';
    const [tensor] = decodeFrame(utf8(text), DEFAULT_LIMITS).request.inputs;
    assert.deepEqual([[...(tensor?.data ?? [])], tensor?.hasNull], [[Number.NaN, 1], true]);
  });

  test("is written back as null, and NaN that is no missing value is not", () => {
    const request = oneInput("FP64", "[3]", "[0.1,null,-0]");
    const { body } = encodeInferRequest(request, false);
    assert.match(Buffer.from(body).toString(), /"data":\[0\.1,null,-0\]/);
    const inputs = request.inputs.map(({ hasNull: _, ...tensor }) => tensor);
    assertRefused(
      () => encodeInferRequest({ ...request, inputs }, false),
      /element 1 is NaN/,
      "not-representable",
    );
  });

  test("is NaN in an answer's floats, and nothing else there", () => {
    const answer = (datatype: string) =>
      utf8(
        `{"model_name":"m","outputs":[{"name":"y","shape":[1],"datatype":"${datatype}","data":[null]}]}`,
      );
    const [tensor] = decodeRestResponse(answer("FP32"), null).outputs;
    assert.deepEqual([[...(tensor?.data ?? [])], tensor?.hasNull], [[Number.NaN], undefined]);
    for (const datatype of ["BYTES", "INT32"]) {
      assertRefused(
        () => decodeRestResponse(answer(datatype), null),
        /element 0 is null/,
        "internal",
      );
    }
  });
});
