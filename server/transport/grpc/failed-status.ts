import { Metadata } from "@grpc/grpc-js";
import { type InferError, retryAfterMsOf, STATUS_TABLE } from "../../../protocols/core/status.ts";
import {
  CODE_TRAILER,
  PUSHBACK_TRAILER,
  REQUEST_ID_KEY,
} from "../../../protocols/oip-grpc/methods.ts";

/** A gRPC status as grpc-js sends it. */
export interface FailedStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The status travels in a header block, which peers bound; percent-encoding may triple it. */
const MAX_DETAILS_CHARS = 1024;

/** The one mapping of a failure to this wire: code, message, and trailers that say more. */
export function failedStatus(error: InferError, requestId: string): FailedStatus {
  const metadata = new Metadata();
  metadata.set(CODE_TRAILER, error.code);
  metadata.set(REQUEST_ID_KEY, requestId);
  const retryMs = retryAfterMsOf(error);
  if (retryMs !== null) metadata.set(PUSHBACK_TRAILER, String(retryMs));
  return { code: STATUS_TABLE[error.code].grpc, details: sendable(error.message), metadata };
}

/** grpc-js passes details to encodeURI, which throws on half a surrogate pair; a client may send one. */
function sendable(message: string): string {
  return message.slice(0, MAX_DETAILS_CHARS).replace(/\p{Surrogate}/gu, "\uFFFD");
}
