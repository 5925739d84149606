import assert from "node:assert/strict";
import type { Datatype } from "../../../protocols/core/datatype.ts";
import { ask, type Reply } from "../../transport/testing/clients.ts";
import type { ServeProcess } from "../serve-process.ts";
import { GOLDEN_JSON, goldenBytes, goldenCount, inputOf } from "./conformance-models.ts";

/** The server under test; started before the cases run. */
export type Server = () => ServeProcess;

export interface Part {
  readonly json: string;
  readonly blob: Buffer | null;
}

export const EVERY = "/v2/models/every/infer";
export const ROWS = "/v2/models/rows/infer";

export function part(datatype: Datatype, isBinary: boolean, isEmpty = false): Part {
  const bytes = isEmpty ? Buffer.alloc(0) : goldenBytes(datatype);
  const shape = isEmpty ? "[0]" : `[${goldenCount(datatype)}]`;
  const head = `{"name":"${inputOf(datatype)}","datatype":"${datatype}","shape":${shape}`;
  const data = isEmpty ? "[]" : GOLDEN_JSON[datatype];
  return isBinary
    ? { json: `${head},"parameters":{"binary_data_size":${bytes.length}}}`, blob: bytes }
    : { json: `${head},"data":${data}}`, blob: null };
}

/** @param rest further members of the request, with a comma before */
export function inferParts(
  server: Server,
  path: string,
  parts: readonly Part[],
  rest = "",
): Promise<Reply> {
  const json = Buffer.from(`{"inputs":[${parts.map((each) => each.json).join(",")}]${rest}}`);
  const blobs = parts.flatMap(({ blob }) => (blob === null ? [] : [blob]));
  const length = { "inference-header-content-length": String(json.length) };
  return ask(server().httpPort, path, {
    body: Buffer.concat([json, ...blobs]),
    headers: blobs.length === 0 ? {} : length,
  });
}

export interface OutputHead {
  readonly name: string;
  readonly shape: readonly number[];
  readonly parameters?: { readonly binary_data_size: number };
  readonly data?: unknown;
}

/** Outputs of a mixed answer; the text of each one's JSON data, or its bytes. */
export function outputsOf(
  reply: Reply,
): readonly (OutputHead & { readonly blob: Buffer | null })[] {
  assert.equal(reply.status, 200, Buffer.from(reply.bytes).toString());
  const length = reply.headers["inference-header-content-length"];
  const jsonBytes = length === undefined ? reply.bytes.length : Number(length);
  const body = Buffer.from(reply.bytes);
  let at = jsonBytes;
  const root = JSON.parse(body.subarray(0, jsonBytes).toString());
  const outputs = root.outputs.map((output: OutputHead) => {
    const size = output.parameters?.binary_data_size ?? null;
    if (size === null) return { ...output, blob: null };
    at += size;
    return { ...output, blob: body.subarray(at - size, at) };
  });
  assert.equal(at, body.length);
  return outputs;
}

export const textOf = (reply: Reply) => Buffer.from(reply.bytes).toString();
export const ROW = '{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]}';
export const rows = (data: string, rest = "") => `{"inputs":[${data}]${rest}}`;
