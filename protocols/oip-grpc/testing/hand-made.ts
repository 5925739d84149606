import assert from "node:assert/strict";
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { DEFAULT_LIMITS } from "../../core/limits.ts";
import type { StatusCode } from "../../core/status.ts";
import { inferErrorOf } from "../../testing/codec-contract.ts";
import { decodeInferRequest } from "../infer-codec.ts";

/** A ModelInferRequest written field by field, for what the encoder would never write. */
export function handMade(parts: {
  inputs: readonly {
    datatype: string;
    shape: readonly (number | bigint)[];
    contents?: (w: BinaryWriter) => void;
  }[];
  raw?: readonly Uint8Array[];
}): Uint8Array {
  const writer = new BinaryWriter().uint32(0x0a).string("m");
  for (const input of parts.inputs) {
    writer.uint32(0x2a).fork();
    // Contents first: protobuf fields may come in any order.
    if (input.contents !== undefined) {
      writer.uint32(0x2a).fork();
      input.contents(writer);
      writer.join();
    }
    writer.uint32(0x0a).string("x").uint32(0x12).string(input.datatype);
    for (const dim of input.shape) writer.uint32(0x18).int64(dim);
    writer.join();
  }
  for (const raw of parts.raw ?? []) writer.uint32(0x3a).bytes(raw);
  return writer.finish();
}

export function assertRefused(
  wire: Uint8Array,
  code: StatusCode,
  ...texts: readonly string[]
): void {
  const error = inferErrorOf(() => decodeInferRequest(wire, DEFAULT_LIMITS));
  assert.ok(error !== null, "expected a refusal, got a request");
  assert.equal(error.code, code, error.message);
  for (const text of texts)
    assert.ok(error.message.includes(text), `${error.message} lacks ${text}`);
}
