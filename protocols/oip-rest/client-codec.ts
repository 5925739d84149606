import { type InferRequest, type InferResponse, NO_PARAMETERS } from "../core/infer.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/limits.ts";
import type { Tensor } from "../core/tensor.ts";
import { cutBody, decodeResponse } from "./decode.ts";
import { encodeRequest } from "./encode.ts";
import type { RestWire } from "./infer-codec.ts";
import { malformedAnswer } from "./malformed-answer.ts";

/** The client's half of the REST wire form: requests to bytes, answers from bytes. */

export interface RestRequestInput {
  readonly inputs: readonly Tensor[];
  /** Names in the order wanted; null: all outputs. */
  readonly outputs: readonly string[] | null;
  readonly id: string | null;
}

/**
 * @param options.binary send and ask for every tensor as binary data; needed for FP16, BF16 and for
 *   values that are not finite
 * @throws InferError `not-representable`, `unsupported` for what JSON cannot carry
 */
export function encodeRestRequest(
  input: RestRequestInput,
  options: { readonly binary: boolean },
): RestWire {
  const request = plainRequest(input);
  if (!options.binary) return encodeInferRequest(request, false);
  const parameters = new Map([["binary_data_output", true]]);
  return encodeInferRequest({ ...request, parameters }, true);
}

/** The request that a client's input stands for, without parameters. */
export function plainRequest(input: RestRequestInput): InferRequest {
  const outputs = input.outputs?.map((name) => ({ name, parameters: NO_PARAMETERS })) ?? null;
  const { inputs, id } = input;
  return { id, parameters: NO_PARAMETERS, inputs, outputs, isTyped: false };
}

/** A whole request with its parameters as they stand. */
export function encodeInferRequest(request: InferRequest, isBinary: boolean): RestWire {
  const { jsonBytes, parts } = encodeRequest(request, () => isBinary, []);
  return { body: joined(parts), jsonBytes };
}

/** Of their own: small messages share memory. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** A client takes answers of any size from the server that it chose. */
export const CLIENT_LIMITS: Limits = { ...DEFAULT_LIMITS, maxBodyBytes: Number.MAX_SAFE_INTEGER };

/**
 * @param jsonBytes the answer's Inference-Header-Content-Length, null when absent
 * @returns tensors that may be views of `body`
 * @throws InferError `internal` when the server's answer is malformed
 */
export function decodeRestResponse(body: Uint8Array, jsonBytes: number | null): InferResponse {
  try {
    return decodeResponse(cutBody(body, jsonBytes, CLIENT_LIMITS), CLIENT_LIMITS);
  } catch (thrown) {
    throw malformedAnswer(thrown);
  }
}
