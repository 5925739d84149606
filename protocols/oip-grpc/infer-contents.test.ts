import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { BinaryWriter } from "@bufbuild/protobuf/wire";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { inferErrorOf, request, response, tensor } from "../testing/codec-contract.ts";
import { decodeInferRequest, encodeInferRequest, grpcInferCodec } from "./infer-codec.ts";
import { assertRefused, handMade } from "./testing/hand-made.ts";

const REF = { name: "m", version: null };
const decode = (wire: Uint8Array) => decodeInferRequest(wire, DEFAULT_LIMITS);

describe("forms of contents", () => {
  const wide = [1, 300, -2].map(BigInt);

  test("unpacked scalars are accepted like packed ones, and split ones are joined", () => {
    const unpacked = handMade({
      inputs: [
        {
          datatype: "INT64",
          shape: [3],
          contents: (w) => wide.forEach((value) => void w.uint32(0x18).int64(value)),
        },
        {
          datatype: "FP32",
          shape: [3],
          contents: (w) => {
            w.uint32(0x35).float(1.5);
            w.uint32(0x32).fork().float(2.5).float(3.5).join();
          },
        },
        {
          datatype: "BOOL",
          shape: [2],
          contents: (w) => void w.uint32(0x08).bool(true).uint32(0x08).bool(false),
        },
      ],
    });
    const { inputs, isTyped } = decode(unpacked);
    assert.equal(isTyped, true);
    assert.deepEqual(
      inputs.map((input) => input.data),
      [BigInt64Array.from(wide), Float32Array.of(1.5, 2.5, 3.5), Uint8Array.of(1, 0)],
    );
  });

  test("typed and raw contents do not mix", () => {
    const contents = (w: BinaryWriter) => void w.uint32(0x35).float(1);
    assertRefused(
      handMade({ inputs: [{ datatype: "FP32", shape: [1], contents }], raw: [new Uint8Array(4)] }),
      "invalid-argument",
      "tensor 'x'",
      "raw_input_contents",
    );
  });

  test("empty typed contents beside raw ones are no mix", () => {
    const empty = { datatype: "UINT8", shape: [2], contents: () => undefined };
    const { inputs, isTyped } = decode(handMade({ inputs: [empty], raw: [Uint8Array.of(7, 8)] }));
    assert.equal(isTyped, false);
    assert.deepEqual(inputs[0]?.data, Uint8Array.of(7, 8));
  });

  test("the number of raw entries must be the number of inputs", () => {
    const input = { datatype: "UINT8", shape: [1] };
    const raw = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];
    assertRefused(
      handMade({ inputs: [input, input], raw }),
      "invalid-argument",
      "expected 2",
      "got 3",
    );
  });

  test("raw bytes must fill the shape exactly", () => {
    for (const bytes of [7, 9, 0]) {
      assertRefused(
        handMade({ inputs: [{ datatype: "FP32", shape: [1, 2] }], raw: [new Uint8Array(bytes)] }),
        "invalid-argument",
        "tensor 'x' (FP32 [1,2])",
        "expects 8 raw bytes",
        `got ${bytes}`,
      );
    }
  });

  test("typed elements must fill the shape exactly", () => {
    const contents = (w: BinaryWriter) => void w.uint32(0x12).bytes(Uint8Array.of(1, 2, 3));
    for (const [shape, expected] of [
      [[2], 2],
      [[4], 4],
      [[1000, 1000, 1000], 1_000_000_000],
    ] as const) {
      assertRefused(
        handMade({ inputs: [{ datatype: "INT32", shape, contents }] }),
        "invalid-argument",
        `expects ${expected} elements in int_contents, got 3`,
      );
    }
  });

  test("no contents at all is a wrong count", () => {
    assertRefused(
      handMade({ inputs: [{ datatype: "FP32", shape: [2] }] }),
      "invalid-argument",
      "got 0",
    );
  });

  test("contents of another datatype are refused", () => {
    const contents = (w: BinaryWriter) => void w.uint32(0x35).float(1);
    assertRefused(
      handMade({ inputs: [{ datatype: "INT64", shape: [1], contents }] }),
      "invalid-argument",
      "expects int64_contents, got fp32_contents",
    );
  });

  for (const [datatype, tag, low, high] of [
    ["INT8", 0x10, -129, 128],
    ["INT16", 0x10, -32769, 32768],
    ["UINT8", 0x20, null, 256],
    ["UINT16", 0x20, null, 65536],
  ] as const) {
    test(`${datatype} values are range-checked`, () => {
      for (const value of [low, high]) {
        if (value === null) continue;
        const contents = (w: BinaryWriter) =>
          void (tag === 0x10 ? w.uint32(tag).int32(value) : w.uint32(tag).uint32(value));
        assertRefused(
          handMade({ inputs: [{ datatype, shape: [1], contents }] }),
          "invalid-argument",
          "element 0",
          `got ${value}`,
        );
      }
    });
  }

  for (const datatype of ["FP16", "BF16"] as const) {
    test(`${datatype} travels raw only`, () => {
      assertRefused(
        handMade({ inputs: [{ datatype, shape: [1] }] }),
        "invalid-argument",
        "raw_input_contents",
      );
      const answer = response([tensor("y", datatype, Uint16Array.of(1))]);
      const error = inferErrorOf(() =>
        grpcInferCodec.encode(answer, request([], { isTyped: true })),
      );
      assert.equal(error?.code, "not-representable");
      assert.ok(error?.message.includes("'y'"));
    });
  }

  test("raw BOOL bytes are 0 or 1", () => {
    assertRefused(
      handMade({ inputs: [{ datatype: "BOOL", shape: [2] }], raw: [Uint8Array.of(1, 2)] }),
      "invalid-argument",
      "element 1",
      "got 2",
    );
  });

  for (const [what, raw, text] of [
    ["a cut length", [1, 0, 0], "element 0"],
    ["a length past the end", [1, 0, 0, 0, 97, 9, 0, 0, 0, 97], "element 1"],
    ["bytes that are not UTF-8", [1, 0, 0, 0, 0xff], "not valid UTF-8"],
    ["too few elements", [1, 0, 0, 0, 97], "expects 2 elements, got 1"],
  ] as const) {
    test(`raw BYTES with ${what} are refused`, () => {
      assertRefused(
        handMade({ inputs: [{ datatype: "BYTES", shape: [2] }], raw: [Uint8Array.from(raw)] }),
        "invalid-argument",
        text,
      );
    });
  }

  test("a byte-order mark in BYTES is text", () => {
    const value = request([tensor("x", "BYTES", ["\uFEFFa"])]);
    assert.deepEqual(decode(encodeInferRequest(REF, value)).inputs, value.inputs);
  });

  test("typed BYTES must be UTF-8", () => {
    const contents = (w: BinaryWriter) => void w.uint32(0x42).bytes(Uint8Array.of(0xc3));
    assertRefused(
      handMade({ inputs: [{ datatype: "BYTES", shape: [1], contents }] }),
      "invalid-argument",
      "element 0 is not valid UTF-8",
    );
  });
});
