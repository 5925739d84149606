import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { inferErrorOf, request } from "../testing/codec-contract.ts";
import { decodeInferRequest, encodeInferRequest } from "./infer-codec.ts";
import { assertRefused, handMade } from "./testing/hand-made.ts";

const REF = { name: "m", version: null };
const decode = (wire: Uint8Array) => decodeInferRequest(wire, DEFAULT_LIMITS);

describe("hostile messages", () => {
  test("a shape that no bytes could fill takes no memory", () => {
    const before = process.memoryUsage().arrayBuffers;
    const shape = [1n << 40n];
    const one = (w: BinaryWriter) => void w.uint32(0x35).float(1);
    assertRefused(
      handMade({ inputs: [{ datatype: "FP32", shape, contents: one }] }),
      "invalid-argument",
      "got 1",
    );
    assertRefused(
      handMade({ inputs: [{ datatype: "FP64", shape }], raw: [new Uint8Array(8)] }),
      "invalid-argument",
      "got 8",
    );
    assertRefused(
      handMade({ inputs: [{ datatype: "BYTES", shape }], raw: [new Uint8Array(8)] }),
      "invalid-argument",
      "got 2",
    );
    assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
  });

  test("negative and overflowing shapes are refused", () => {
    for (const shape of [[-1], [2 ** 53 - 1, 8], [(1n << 63n) - 1n]]) {
      assertRefused(
        handMade({ inputs: [{ datatype: "UINT8", shape }], raw: [new Uint8Array(1)] }),
        "invalid-argument",
        "shape",
      );
    }
  });

  test("an unknown datatype and a missing name are refused", () => {
    assertRefused(
      handMade({ inputs: [{ datatype: "FP8", shape: [1] }] }),
      "invalid-argument",
      "'FP8'",
    );
    assertRefused(new Uint8Array([0x2a, 0]), "invalid-argument", "no name");
  });

  test("a parameter without a value is refused, and so are too many", () => {
    const none = new BinaryWriter().uint32(0x22).fork().uint32(0x0a).string("p").join().finish();
    assertRefused(none, "invalid-argument", "parameter 'p'");
    const parameters = new Map(Array.from({ length: 1025 }, (_, i) => [`p${i}`, i] as const));
    assertRefused(encodeInferRequest(REF, request([], { parameters })), "invalid-argument", "1024");
  });

  test("64-bit parameters are exact", () => {
    const parameters = new Map([
      ["low", -(2n ** 63n)],
      ["high", 2n ** 64n - 1n],
    ]);
    const wire = encodeInferRequest(REF, request([], { parameters }));
    assert.deepEqual(decode(wire).parameters, parameters);
    const past = request([], { parameters: new Map([["p", 2n ** 64n]]) });
    assert.equal(inferErrorOf(() => encodeInferRequest(REF, past))?.code, "not-representable");
  });

  test("shared memory is refused as not offered", () => {
    const shared = new BinaryWriter().uint32(0x2a).fork().uint32(0x0a).string("x").uint32(0x12);
    shared.string("FP32").uint32(0x22).fork().uint32(0x0a).string("shared_memory_region");
    shared.uint32(0x12).fork().uint32(0x1a).string("r").join().join().join();
    assertRefused(shared.finish(), "unsupported", "shared memory");
    const outputs = [{ name: "y", parameters: new Map([["shared_memory_region", "r"]]) }];
    assertRefused(
      encodeInferRequest(REF, request([], { outputs })),
      "unsupported",
      "shared_memory_region",
    );
  });

  test("a field that runs past the end of its message is refused", () => {
    const text = "past its message's end";
    const contentsTooLong = Uint8Array.of(0x2a, 2, 0x2a, 4, 0x1a, 2, 1, 2);
    const nameTooLong = Uint8Array.of(0x2a, 3, 0x0a, 4, 97, 0x1a, 2, 97, 97);
    for (const wire of [contentsTooLong, nameTooLong])
      assertRefused(wire, "invalid-argument", text);
    const packedTooLong = handMade({
      inputs: [{ datatype: "INT32", shape: [1], contents: (w) => void w.uint32(0x12).uint32(9) }],
    });
    assertRefused(packedTooLong, "invalid-argument", "a field ends at byte");
  });

  test("unknown fields, groups and foreign wire types are skipped", () => {
    const group = Uint8Array.of(0xa3, 0x06, 0x08, 1, 0xa4, 0x06);
    const foreign = Uint8Array.of(0x08, 5);
    const wire = encodeInferRequest(REF, request([], { id: "7" }));
    for (const tail of [group, foreign, Uint8Array.of(0xa2, 0x06, 1, 1)]) {
      assert.equal(decode(new Uint8Array([...wire, ...tail])).id, "7");
    }
  });
});
