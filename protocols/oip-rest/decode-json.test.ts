import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { tensor } from "../testing/codec-contract.ts";
import { oipRestCodec } from "./infer-codec.ts";
import {
  assertRefused,
  dataOf,
  decodeJson,
  decodeMixed,
  oneInput,
  utf8,
} from "./testing/decode-text.ts";

describe("oip-rest: JSON data", () => {
  test("flat and nested data mean the same", () => {
    const expected = Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    for (const data of [
      "[1,2,3,4,5,6,7,8]",
      "[[[1,2],[3,4]],[[5,6],[7,8]]]",
      " [ [ [ 1 , 2 ] ,\n[3,4] ] , [ [5,6],\t[7,8] ] ] ",
    ]) {
      assert.deepEqual(dataOf(oneInput("INT32", "[2,2,2]", data)), expected);
    }
  });

  test("nesting must match the shape", () => {
    for (const data of [
      "[[1,2],[3,4],[5,6]]",
      "[[1,2,3],[4,5]]",
      "[[1,2,3,4],[5,6,7,8]]",
      "[[[1],[2],[3]],[[4],[5],[6]]]",
      "[[1,2,3],4,5,6]",
      "[1,2,3,[4,5,6]]",
      "[[1,2,3],[4,5,6],[]]",
      "[1,2,3,4,5]",
      "[1,2,3,4,5,6,7]",
      "[[],[]]",
      "[]",
      "1",
      '"text"',
      "{}",
      "[1,2,3,4,5,6] ]",
      "[1,2,3,4,5,6,]",
      "[,1,2,3,4,5,6]",
      "[[1,2,3][4,5,6]]",
      "[[1,2,3],[4,5,6}",
    ]) {
      assertRefused(() => oneInput("INT32", "[2,3]", data), /./);
    }
  });

  test("a scalar may be bare or in brackets", () => {
    assert.deepEqual(dataOf(oneInput("FP32", "[]", "5.5")), Float32Array.of(5.5));
    assert.deepEqual(dataOf(oneInput("FP32", "[]", "[5.5]")), Float32Array.of(5.5));
    assert.deepEqual(dataOf(oneInput("BYTES", "[]", '"a"')), ["a"]);
    assertRefused(() => oneInput("FP32", "[]", "[1,2]"), /fill shape \[\]/);
    assertRefused(() => oneInput("FP32", "[1]", "5"), /expected an array/);
    assertRefused(() => oneInput("FP32", "[]", "5x"), /fill shape \[\]/);
    assertRefused(() => oneInput("BOOL", "[]", "truex"), /fill shape \[\]/);
    assertRefused(() => oneInput("FP32", "[2]", "[   ]"), /expected a FP32 value at element 0/);
  });

  test("members may come in any order, with escapes and unknown members between", () => {
    const decoded = decodeJson(
      `{"outputs":[{"name":"y"}],"x":{"inputs":[{"data":[1]}]},"inputs":[
        {"parameters":{"data":"[}"},"data":[[1,2]],"data2":[9],"datatype":"INT8","shape":[1,2],"name":"a\\"]"},
        {"d\\u0061ta":[3],"name":"b","datatype":"INT8","shape":[1]}],"id":"7"}`,
    );
    assert.equal(decoded.id, "7");
    assert.deepEqual(decoded.inputs, [
      tensor('a"]', "INT8", Int8Array.of(1, 2), [1, 2]),
      tensor("b", "INT8", Int8Array.of(3)),
    ]);
  });

  test("BOOL takes true, false, 1 and 0", () => {
    assert.deepEqual(
      dataOf(oneInput("BOOL", "[5]", "[true,false,1,0,1.0]")),
      Uint8Array.of(1, 0, 1, 0, 1),
    );
    for (const bad of ["2", "-1", '"true"', "tru", "truex", "True", "null", "falsy"]) {
      assertRefused(() => oneInput("BOOL", "[1]", `[${bad}]`), /'x'/);
    }
  });

  test("BYTES: escapes, bad escapes, control characters, half surrogates", () => {
    const data = String.raw`["\u00e9\n","\ud83e\udd8a","\\","","é🦊"]`;
    assert.deepEqual(dataOf(oneInput("BYTES", "[5]", data)), ["é\n", "🦊", "\\", "", "é🦊"]);
    assertRefused(() => oneInput("BYTES", "[2]", String.raw`["a","\x"]`), /element 1 .*bad escape/);
    assertRefused(() => oneInput("BYTES", "[1]", '["\n"]'), /element 0 .*control character/);
    assertRefused(() => oneInput("BYTES", "[1]", String.raw`["\ud83e"]`), /half a surrogate/);
    assertRefused(() => oneInput("BYTES", "[1]", "[1]"), /expected a BYTES value at element 0/);
  });

  test("what is not one whole JSON request is refused", () => {
    const input = '{"name":"x","shape":[1],"datatype":"FP32","data":[1]}';
    for (const text of [
      "",
      " ",
      "null",
      "[]",
      "{",
      "{}",
      "{}}",
      `{"inputs":[${input}]} x`,
      `{"inputs":[${input}],}`,
      `{"inputs":[${input},]}`,
      `{"inputs":[${input}],"inputs":[${input}]}`,
      '{"inputs":null}',
      '{"inputs":[null]}',
      '{"inputs":[[1]]}',
      '{"inputs":7}',
      '{"inputs":"data"}',
      '{"inputs" [1]}',
      '{"inputs":}',
      "{inputs:[]}",
      '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32"}]}',
      '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":null}]}',
      '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"data":[2]}]}',
      '{"inputs":[{"name":"x","shape":[1],"datatype":"fp32","data":[1]}]}',
      '{"inputs":[{"name":"x","shape":["1"],"datatype":"FP32","data":[1]}]}',
      '{"inputs":[{"name":"x","shape":[-1],"datatype":"FP32","data":[1]}]}',
      '{"inputs":[{"name":"x","shape":[0.5],"datatype":"FP32","data":[1]}]}',
      '{"inputs":[{"name":"x","shape":1,"datatype":"FP32","data":[1]}]}',
      '{"inputs":[{"name":1,"shape":[1],"datatype":"FP32","data":[1]}]}',
      '{"inputs":[{"shape":[1],"datatype":"FP32","data":[1]}]}',
      `{"id":7,"inputs":[${input}]}`,
      `{"parameters":[],"inputs":[${input}]}`,
      `{"parameters":{"a":{}},"inputs":[${input}]}`,
      `{"parameters":{"a":1e999},"inputs":[${input}]}`,
      `{"parameters":{"binary_data_output":1},"inputs":[${input}]}`,
      `{"outputs":{},"inputs":[${input}]}`,
      `{"outputs":["y"],"inputs":[${input}]}`,
      `{"outputs":[{}],"inputs":[${input}]}`,
      `{"outputs":[{"name":"y","parameters":{"binary_data":"yes"}}],"inputs":[${input}]}`,
      `\ufeff{"inputs":[${input}]}`,
    ]) {
      assertRefused(() => decodeJson(text), /./);
    }
    assert.ok(decodeJson(` {"inputs":[${input}]}\r\n\t `));
  });

  test("null means absent where a member is optional", () => {
    const decoded = decodeJson(
      '{"id":null,"parameters":null,"outputs":null,"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"content_type":null},"data":[1]}]}',
    );
    assert.equal(decoded.id, null);
    assert.equal(decoded.outputs, null);
    assert.equal(decoded.parameters.size, 0);
  });

  test("invalid UTF-8 is refused", () => {
    const body = utf8('{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["?"]}]}');
    body[body.indexOf(0x3f)] = 0xff;
    assertRefused(
      () => oipRestCodec.decode({ body, jsonBytes: null }, DEFAULT_LIMITS),
      /not valid UTF-8/,
    );
  });

  test("reserved and unoffered parameters are refused", () => {
    const x = '"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}]';
    assertRefused(() => decodeJson(`{"parameters":{"triton_a":1},${x}}`), /triton_/);
    for (const text of [
      '{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"shared_memory_region":"r"}}]}',
      `{${x},"outputs":[{"name":"y","parameters":{"shared_memory_region":"r"}}]}`,
    ]) {
      assertRefused(() => decodeJson(text), /does not offer/, "unsupported");
    }
  });

  test("names of Object.prototype neither pollute nor confuse", () => {
    const decoded = decodeJson(
      '{"__proto__":{"id":"evil"},"parameters":{"__proto__":"p"},"inputs":[{"__proto__":{"name":"evil"},"name":"__proto__","shape":[1],"datatype":"INT8","data":[1]}]}',
    );
    assert.equal(decoded.id, null);
    assert.equal(decoded.inputs[0]?.name, "__proto__");
    assert.equal(decoded.parameters.get("__proto__"), "p");
    assert.equal(({} as Record<string, unknown>)["id"], undefined);
  });
});

describe("oip-rest: hostile JSON", () => {
  const nest = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

  test("depth is limited everywhere", () => {
    for (const deep of [nest(100_000), "[".repeat(100_000), '{"a":'.repeat(100_000)]) {
      for (const text of [
        deep,
        `{"x":${deep}`,
        `{"inputs":${deep}`,
        `{"inputs":[${deep}`,
        `{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":${deep}}]}`,
        `{"inputs":[{"name":"x","parameters":${deep}}]}`,
      ]) {
        assertRefused(() => decodeJson(text), /nests deeper than 100|expected a JSON object|end/);
      }
    }
    const limits = { ...DEFAULT_LIMITS, maxJsonDepth: 5 };
    const text = '{"inputs":[{"name":"x","shape":[1,1],"datatype":"INT8","data":[[1]]}]}';
    assert.ok(decodeJson(text, limits));
    assertRefused(() => decodeJson(text, { ...limits, maxJsonDepth: 4 }), /nests deeper than 4/);
  });

  test("a shape larger than its data makes no allocation", () => {
    for (const shape of ["[1000000000000]", "[9007199254740991]", "[2147483647,1024]"]) {
      for (const datatype of ["FP64", "INT64", "BOOL", "BYTES"]) {
        assertRefused(() => oneInput(datatype, shape, "[1,2]"), /fill shape/);
        assertRefused(
          () =>
            decodeMixed(
              `{"inputs":[{"name":"x","shape":${shape},"datatype":"${datatype}","parameters":{"binary_data_size":4}}]}`,
              Uint8Array.of(0, 0, 0, 0),
            ),
          /'x'/,
        );
      }
    }
    assertRefused(() => oneInput("FP32", "[1e300,1e300]", "[1]"), /shape/);
    assertRefused(() => oneInput("FP32", "[4294967296,4294967296]", "[1]"), /too large/);
    assert.deepEqual(dataOf(oneInput("FP32", "[1000000000,0]", "[]")), new Float32Array(0));
  });

  test("every truncation of a rich request is refused", () => {
    const text = JSON.stringify({
      id: "é",
      parameters: { a: 1, b: [true][0], c: "\\" },
      inputs: [
        {
          name: "x",
          shape: [2, 2],
          datatype: "FP32",
          data: [
            [1.5, -2e3],
            [0, 4],
          ],
        },
        { data: ["a]", 'b"', "é"], name: "s", shape: [3], datatype: "BYTES" },
      ],
      outputs: [{ name: "y", parameters: { binary_data: false } }],
    });
    assert.ok(decodeJson(text));
    const bytes = utf8(text);
    for (let end = 0; end < bytes.byteLength; end++) {
      const body = bytes.subarray(0, end);
      assertRefused(() => oipRestCodec.decode({ body, jsonBytes: null }, DEFAULT_LIMITS), /./);
    }
  });
});
