import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { InferError } from "../core/status.ts";
import {
  decodeModelMetadata,
  decodeRepositoryIndex,
  decodeServerMetadata,
  encodeModelMetadata,
  encodeRepositoryIndex,
  encodeServerMetadata,
  type ModelMetadataMessage,
} from "./messages.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

describe("messages", () => {
  test("server metadata", () => {
    const message = { name: "sluice", version: "1", extensions: ["binary_tensor_data"] };
    assert.deepEqual(decodeServerMetadata(encodeServerMetadata(message)), message);
  });

  test("model metadata, and what another server leaves out", () => {
    const message: ModelMetadataMessage = {
      name: "m",
      versions: ["1", "2"],
      platform: "onnx_onnxv1",
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
      outputs: [{ name: "y", datatype: "BYTES", shape: [] }],
    };
    assert.deepEqual(decodeModelMetadata(encodeModelMetadata(message)), message);
    assert.deepEqual(decodeModelMetadata(utf8('{"name":"m"}')), {
      name: "m",
      versions: [],
      platform: "",
      inputs: [],
      outputs: [],
    });
  });

  test("repository index", () => {
    const entries = [{ name: "m", version: "1", state: "READY", reason: "" }];
    assert.deepEqual(decodeRepositoryIndex(encodeRepositoryIndex(entries)), entries);
    assert.deepEqual(decodeRepositoryIndex(utf8('[{"name":"m"}]')), [
      { name: "m", version: "", state: "", reason: "" },
    ]);
  });

  test("malformed answers are internal", () => {
    for (const text of [
      "",
      "[]",
      "{}",
      '{"name":1}',
      '{"name":"m","inputs":[{"name":"x","datatype":"FP31","shape":[]}]}',
      '{"name":"m","inputs":[{"name":"x","datatype":"FP32","shape":["a"]}]}',
      '{"name":"m","versions":[1]}',
    ]) {
      assert.throws(() => decodeModelMetadata(utf8(text)), {
        name: "InferError",
        code: "internal",
      });
    }
    assert.throws(() => decodeRepositoryIndex(utf8("{}")), { code: "internal" });
    assert.throws(() => decodeServerMetadata(utf8('{"name":"s"}')), { code: "internal" });
  });

  test("property: any JSON yields a message or an InferError", () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        for (const decode of [decodeModelMetadata, decodeRepositoryIndex, decodeServerMetadata]) {
          try {
            decode(utf8(json));
          } catch (thrown) {
            assert.ok(thrown instanceof InferError);
          }
        }
      }),
    );
  });
});
