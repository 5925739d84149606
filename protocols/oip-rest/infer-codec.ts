import type { InferCodec } from "../core/codec.ts";
import type { InferRequest } from "../core/infer.ts";
import { inferenceIdOf } from "../core/inference-id.ts";
import type { Tensor } from "../core/tensor.ts";
import { cutBody, decodeRequest } from "./decode.ts";
import { encodeResponse } from "./encode.ts";

/**
 * Open Inference Protocol v2 over HTTP: JSON and the binary tensor data extension, mixed freely in
 * one message (inference_rest.md; Triton's extension_binary_data.md).
 */

/** A request body as it came. */
export interface RestWire {
  readonly body: Uint8Array;
  /** Inference-Header-Content-Length; null when the header is absent: the whole body is JSON. */
  readonly jsonBytes: number | null;
}

/** A response body in parts to be written one after another. */
export interface RestAnswer {
  readonly contentType: string;
  /** Inference-Header-Content-Length; null when no binary data follows the JSON. */
  readonly jsonBytes: number | null;
  /** The binary parts may be views of the output tensors. */
  readonly parts: readonly Uint8Array[];
  /** The response parameter `inference_id`, for the header; null without one. */
  readonly inferenceId: string | null;
}

/**
 * Binary tensors may be views of `wire.body`, which must then stay unchanged while the request lives;
 * what is read from JSON has memory of its own.
 * NaN and infinities travel in binary data only; FP16 and BF16 likewise.
 */
export const oipRestCodec: InferCodec<RestWire, RestAnswer> = {
  decode(wire, limits) {
    return decodeRequest(cutBody(wire.body, wire.jsonBytes, limits), limits).request;
  },

  encode(response, request) {
    const { jsonBytes, parts } = encodeResponse(response, binaryChooser(request));
    const contentType = jsonBytes === null ? "application/json" : "application/octet-stream";
    return { contentType, jsonBytes, parts, inferenceId: inferenceIdOf(response.parameters) };
  },
};

/** Per-output `binary_data` wins over the request's `binary_data_output`; JSON by default. */
function binaryChooser(request: InferRequest): (output: Tensor) => boolean {
  const byDefault = request.parameters.get("binary_data_output") === true;
  const { outputs } = request;
  if (outputs === null) return () => byDefault;
  const asked = new Map(outputs.map((o) => [o.name, o.parameters.get("binary_data")]));
  return (output) => {
    const own = asked.get(output.name);
    return own === undefined ? byDefault : own === true;
  };
}
