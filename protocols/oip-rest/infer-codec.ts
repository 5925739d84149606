import type { InferCodec } from "../core/codec.ts";
import type { InferRequest } from "../core/infer.ts";
import { inferenceIdOf } from "../core/inference-id.ts";
import type { Tensor } from "../core/tensor.ts";
import { assertBodyFits, cutBody, decodeRequest } from "./decode.ts";
import { encodeResponse } from "./encode.ts";
import { type JsonNonFinite, nonFiniteOf } from "./non-finite.ts";
import { decodeRawRequest } from "./raw-request.ts";

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
 * what is read from JSON has memory of its own. A raw binary body needs the signature.
 * @param nonFinite where a request does not say
 */
export function createRestCodec(nonFinite: JsonNonFinite): InferCodec<RestWire, RestAnswer> {
  return {
    decode({ body, jsonBytes }, limits, signature) {
      if (jsonBytes === 0 && signature !== undefined) {
        assertBodyFits(body, limits);
        return decodeRawRequest(body, signature);
      }
      return decodeRequest(cutBody(body, jsonBytes, limits), limits, nonFinite).request;
    },

    encode(response, request) {
      const form = nonFiniteOf(request.parameters, nonFinite);
      const { jsonBytes, parts } = encodeResponse(response, binaryChooser(request), form);
      const contentType = jsonBytes === null ? "application/json" : "application/octet-stream";
      return { contentType, jsonBytes, parts, inferenceId: inferenceIdOf(response.parameters) };
    },
  };
}

/** Refuses NaN and infinities in JSON, unless a request says otherwise. */
export const oipRestCodec = createRestCodec("reject");

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
