import {
  type ErrorDetails,
  InferError,
  STATUS_CODES,
  STATUS_TABLE,
  type StatusCode,
} from "../core/status.ts";

/**
 * The body of every HTTP error: `error` is the protocol's only member (inference_rest.md); `code`,
 * `details` (only when there are any) and `request_id` stand beside it.
 */
export function encodeErrorBody(error: InferError, requestId: string): Uint8Array {
  const { message, code, details } = error;
  const extra = details === null ? "" : `,"details":${JSON.stringify(details)}`;
  const quotedId = JSON.stringify(requestId);
  return Buffer.from(
    `{"error":${JSON.stringify(message)},"code":"${code}"${extra},"request_id":${quotedId}}`,
  );
}

/** The members that an error has in every JSON wire form. */
export function errorMembers(error: InferError): Record<string, unknown> {
  const members: Record<string, unknown> = { error: error.message, code: error.code };
  if (error.details !== null) members["details"] = error.details;
  return members;
}

/** What a status means when the body names no code of ours: the answer came from another server. */
const CODE_OF_STATUS: ReadonlyMap<number, StatusCode> = new Map<number, StatusCode>([
  // The table's first code of a status, but where several share one the general one.
  ...STATUS_CODES.toReversed().map((code) => [STATUS_TABLE[code].http, code] as const),
  [503, "unavailable"],
  [408, "deadline-exceeded"],
  [429, "queue-full"],
  [502, "unavailable"],
]);

/**
 * The error that an HTTP response stands for; any bytes at all yield one.
 * @param status the HTTP status, not 2xx
 * @param retryAfter the header Retry-After; a date in it is ignored, for this has no clock
 */
export function decodeErrorBody(
  status: number,
  bytes: Uint8Array,
  retryAfter: string | null = null,
): InferError {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const byStatus = CODE_OF_STATUS.get(status) ?? (status < 500 ? "invalid-argument" : "internal");
  const isSeconds = retryAfter !== null && /^[0-9]{1,9}$/.test(retryAfter);
  const retryMs = isSeconds ? Number(retryAfter) * 1000 : null;
  return (
    readError(parse(text), byStatus, retryMs) ??
    new InferError(
      byStatus,
      `the server answered ${status}: ${text.slice(0, 500) || "no body"}`,
      readDelay(retryMs),
    )
  );
}

/**
 * The error that parsed JSON describes, or null when it describes none.
 * @param retryMs when to try again, in milliseconds, as the server sent it; ignored where it is none
 */
export function readError(
  value: unknown,
  fallbackCode: StatusCode,
  retryMs: unknown,
): InferError | null {
  if (typeof value !== "object" || value === null) return null;
  const { error, code, details } = value as Record<string, unknown>;
  if (typeof error !== "string") return null;
  const known = STATUS_CODES.find((candidate) => candidate === code) ?? fallbackCode;
  const facts = readDetails(details);
  return new InferError(known, error, {
    ...(facts !== null && { details: facts }),
    ...readDelay(retryMs),
  });
}

function readDelay(retryMs: unknown): { retryAfterMs?: number } {
  return typeof retryMs === "number" && retryMs >= 0 ? { retryAfterMs: retryMs } : {};
}

function readDetails(value: unknown): ErrorDetails | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const simple = Object.entries(value).filter(
    (entry): entry is [string, string | number | boolean | null] =>
      entry[1] === null || ["string", "number", "boolean"].includes(typeof entry[1]),
  );
  return Object.fromEntries(simple);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
