import type { InferRequest, InferResponse } from "../core/infer.ts";
import type { Limits } from "../core/limits.ts";
import { type InferError, retryAfterMsOf } from "../core/status.ts";
import { CLIENT_LIMITS, plainRequest, type RestRequestInput } from "../oip-rest/client-codec.ts";
import { cutBody, decodeRequest, readResponse } from "../oip-rest/decode.ts";
import { type EncodedMessage, encodeRequest, encodeResponse } from "../oip-rest/encode.ts";
import { errorMembers, readError } from "../oip-rest/error-body.ts";
import { invalid } from "../oip-rest/invalid.ts";
import { malformedAnswer } from "../oip-rest/malformed-answer.ts";
import { type JsonNonFinite, nonFiniteOf } from "../oip-rest/non-finite.ts";
import { asObject, member, optionalString, requiredString } from "../oip-rest/read-members.ts";
import { splitJson } from "../oip-rest/split-json.ts";

/**
 * WebSocket text frames. A request frame is an Open Inference Protocol request in JSON with
 * `model_name` and `model_version` beside it and an `id` that pairs it with its answer; an answer
 * frame is the protocol's response, an error frame is {id, error, code, details?, retry_after_ms?}.
 */

/** The model that a frame asks for; null where the URL or the default decides. */
export interface FrameRef {
  readonly name: string | null;
  readonly version: string | null;
}

export interface StreamFrame {
  /** Never empty. */
  readonly id: string;
  readonly ref: FrameRef;
  readonly request: InferRequest;
}

/**
 * Frames carry JSON data only, so the result shares no memory with `text`.
 * @param nonFinite where the frame does not say
 * @throws InferError
 */
export function decodeFrame(
  text: Uint8Array,
  limits: Limits,
  nonFinite: JsonNonFinite = "reject",
): StreamFrame {
  const { request, root } = decodeRequest(cutBody(text, null, limits), limits, nonFinite);
  const { id } = request;
  if (id === null || id === "") throw invalid("a frame needs an 'id' that is not empty");
  const name = optionalString(root, "model_name", "");
  const version = optionalString(root, "model_version", "");
  return { id, ref: { name, version }, request };
}

/**
 * The id of a frame that `decodeFrame` refused, for its error frame; null where none can be read.
 * Never throws.
 */
export function tryFrameId(text: Uint8Array, limits: Limits): string | null {
  try {
    const { root } = splitJson(cutBody(text, null, limits).json, "inputs", limits);
    return requiredString(asObject(root, "frame"), "id", "") || null;
  } catch {
    return null;
  }
}

/** Always JSON data. @throws InferError `not-representable` */
export function encodeAnswerFrame(
  response: InferResponse,
  request: InferRequest,
  nonFinite: JsonNonFinite = "reject",
): Uint8Array {
  const form = nonFiniteOf(request.parameters, nonFinite);
  return onlyPart(encodeResponse(response, inJson, form));
}

/** @param id null when the frame's own could not be read */
export function encodeErrorFrame(id: string | null, error: InferError): Uint8Array {
  const retryMs = retryAfterMsOf(error);
  const retry = retryMs === null ? {} : { retry_after_ms: retryMs };
  return Buffer.from(JSON.stringify({ id, ...errorMembers(error), ...retry }));
}

export interface FrameInput extends RestRequestInput {
  /** Unique among the requests in flight on the connection. */
  readonly id: string;
}

/** @param ref null members are left out: the URL names the model, or its default version is meant */
export function encodeRequestFrame(ref: FrameRef, input: FrameInput): Uint8Array {
  const extra: string[] = [];
  if (ref.name !== null) extra.push(`"model_name":${JSON.stringify(ref.name)}`);
  if (ref.version !== null) extra.push(`"model_version":${JSON.stringify(ref.version)}`);
  return onlyPart(encodeRequest(plainRequest(input), inJson, extra));
}

export type ServerFrame =
  | { readonly kind: "answer"; readonly response: InferResponse }
  | { readonly kind: "error"; readonly id: string | null; readonly error: InferError };

/** @throws InferError `internal` when the server's frame is malformed */
export function decodeServerFrame(text: Uint8Array): ServerFrame {
  try {
    const parts = cutBody(text, null, CLIENT_LIMITS);
    const split = splitJson(parts.json, "outputs", CLIENT_LIMITS);
    const root = asObject(split.root, "frame");
    if (member(root, "error") === null) {
      return { kind: "answer", response: readResponse(split, parts, CLIENT_LIMITS) };
    }
    const error = readError(root, "internal", member(root, "retry_after_ms"));
    if (error === null) throw invalid("error: expected a string");
    return { kind: "error", id: optionalString(root, "id", ""), error };
  } catch (thrown) {
    throw malformedAnswer(thrown);
  }
}

function onlyPart({ parts }: EncodedMessage): Uint8Array {
  return parts[0] as Uint8Array;
}

function inJson(): boolean {
  return false;
}
