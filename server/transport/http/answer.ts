import { type InferError, retryAfterMsOf, STATUS_TABLE } from "../../../protocols/core/status.ts";
import { encodeErrorBody } from "../../../protocols/oip-rest/error-body.ts";
import type { AfterAnswer } from "./http-exchange.ts";

/** A whole answer, ready for any exchange. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers: readonly string[];
  readonly parts: readonly Uint8Array[];
  readonly after: AfterAnswer;
}

const encoder = new TextEncoder();
const JSON_TYPE = "application/json";

/** @param json encoded */
export function jsonAnswer(status: number, json: Uint8Array, requestId: string): Answer {
  const headers = ["content-type", JSON_TYPE, "x-request-id", requestId];
  return { status, headers, parts: [json], after: "keep-alive" };
}

/** Health (inference_rest.md): 200 when `isTrue`, else 503; `body` says so in words. */
export function healthAnswer(
  isTrue: boolean,
  body: Readonly<Record<string, string | boolean>>,
  requestId: string,
): Answer {
  return jsonAnswer(isTrue ? 200 : 503, encoder.encode(JSON.stringify(body)), requestId);
}

export function emptyAnswer(requestId: string): Answer {
  return { status: 200, headers: ["x-request-id", requestId], parts: [], after: "keep-alive" };
}

export function errorAnswer(error: InferError, requestId: string, after: AfterAnswer): Answer {
  const row = STATUS_TABLE[error.code];
  const headers = ["content-type", JSON_TYPE, "x-request-id", requestId];
  const retryMs = retryAfterMsOf(error);
  if (retryMs !== null) headers.push("retry-after", String(Math.max(1, Math.ceil(retryMs / 1000))));
  if (error.code === "unauthenticated") headers.push("www-authenticate", "Bearer");
  if (error.code === "method-not-allowed") headers.push("allow", allowedOf(error));
  const accepted = error.details?.["acceptEncoding"];
  if (typeof accepted === "string") headers.push("accept-encoding", accepted);
  if (error.code === "quota-exceeded") headers.push(...quotaHeaders(error, retryMs ?? 0));
  return { status: row.http, headers, parts: [encodeErrorBody(error, requestId)], after };
}

/** As draft-ietf-httpapi-ratelimit-headers has them: the policy, and what is left of it. */
function quotaHeaders({ details }: InferError, retryMs: number): readonly string[] {
  const rate = Number(details?.["rate_per_sec"] ?? 1);
  const burst = Number(details?.["burst"] ?? 1);
  const windowSecs = Math.max(1, Math.round(burst / rate));
  const waitSecs = Math.max(1, Math.ceil(retryMs / 1000));
  return [
    ...["ratelimit-policy", `"key";q=${burst};w=${windowSecs}`],
    ...["ratelimit", `"key";r=0;t=${waitSecs}`],
  ];
}

function allowedOf(error: InferError): string {
  return String(error.details?.["allowed"] ?? "");
}
