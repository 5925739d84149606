import assert from "node:assert/strict";
import type { Datatype } from "../../core/datatype.ts";
import type { InferRequest } from "../../core/infer.ts";
import { DEFAULT_LIMITS, type Limits } from "../../core/limits.ts";
import { inferErrorOf } from "../../testing/codec-contract.ts";
import { oipRestCodec } from "../infer-codec.ts";

/** Short ways for tests to decode requests written as text. */
export const utf8 = (text: string) => new TextEncoder().encode(text);

export function decodeJson(text: string, limits: Limits = DEFAULT_LIMITS): InferRequest {
  return oipRestCodec.decode({ body: utf8(text), jsonBytes: null }, limits);
}

export function decodeMixed(json: string, ...blobs: Uint8Array[]): InferRequest {
  const head = utf8(json);
  return oipRestCodec.decode(
    { body: Buffer.concat([head, ...blobs]), jsonBytes: head.byteLength },
    DEFAULT_LIMITS,
  );
}

export function assertRefused(
  act: () => unknown,
  message: RegExp,
  code = "invalid-argument",
): void {
  const error = inferErrorOf(act);
  assert.ok(error !== null, `expected an error like ${message}`);
  assert.match(error.message, message);
  assert.equal(error.code, code);
}

export function oneInput(datatype: Datatype | string, shape: string, data: string): InferRequest {
  return decodeJson(
    `{"inputs":[{"name":"x","shape":${shape},"datatype":"${datatype}","data":${data}}]}`,
  );
}

export const dataOf = (decoded: InferRequest, index = 0) => decoded.inputs[index]?.data;
