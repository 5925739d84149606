/**
 * Every way a request can fail, and what each means on each wire. The one table of the project:
 * transports read it, the docs page is generated from it, and tests hold all three together.
 */

interface StatusRow {
  /** HTTP response status. */
  readonly http: number;
  /** gRPC status code (google.rpc.Code). */
  readonly grpc: number;
  /** WebSocket close code (RFC 6455 §7.4) when the failure ends the connection, not one request. */
  readonly ws: number;
  /** May the same request succeed later, unchanged? Clients retry only these. */
  readonly retryable: boolean;
  readonly meaning: string;
}

export const STATUS_TABLE = {
  "invalid-argument": {
    http: 400,
    grpc: 3,
    ws: 1007,
    retryable: false,
    meaning: "The request is malformed or does not fit the model's signature.",
  },
  "not-representable": {
    http: 400,
    grpc: 3,
    ws: 1007,
    retryable: false,
    meaning:
      "The answer holds a value that the requested encoding cannot carry (NaN in JSON); ask for binary.",
  },
  unauthenticated: {
    http: 401,
    grpc: 16,
    ws: 1008,
    retryable: false,
    meaning: "No credential, or one that is unknown, expired or revoked.",
  },
  "permission-denied": {
    http: 403,
    grpc: 7,
    ws: 1008,
    retryable: false,
    meaning: "The credential is valid but may not do this to this model.",
  },
  "route-not-found": {
    http: 404,
    grpc: 12,
    ws: 1008,
    retryable: false,
    meaning: "No such path or method.",
  },
  "model-not-found": {
    http: 404,
    grpc: 5,
    ws: 1008,
    retryable: false,
    meaning: "No model of that name is known.",
  },
  "version-not-found": {
    http: 404,
    grpc: 5,
    ws: 1008,
    retryable: false,
    meaning: "The model has no such version or alias.",
  },
  "method-not-allowed": {
    http: 405,
    grpc: 12,
    ws: 1008,
    retryable: false,
    meaning: "The path exists, but not with this HTTP method.",
  },
  conflict: {
    http: 409,
    grpc: 9,
    ws: 1008,
    retryable: false,
    meaning: "The server's mode or state forbids this operation.",
  },
  "payload-too-large": {
    http: 413,
    grpc: 8,
    ws: 1009,
    retryable: false,
    meaning: "The request is larger than a configured limit; the message names the setting.",
  },
  "quota-exceeded": {
    http: 429,
    grpc: 8,
    ws: 1013,
    retryable: true,
    meaning: "The key has used up its quota for this model; the server itself has room.",
  },
  cancelled: {
    http: 499,
    grpc: 1,
    ws: 1000,
    retryable: false,
    meaning: "The client went away before the answer.",
  },
  internal: {
    http: 500,
    grpc: 13,
    ws: 1011,
    retryable: false,
    meaning: "A fault of the server; the log has the cause under the request id.",
  },
  unsupported: {
    http: 501,
    grpc: 12,
    ws: 1003,
    retryable: false,
    meaning: "A known feature that this server or engine does not offer.",
  },
  "queue-full": {
    http: 503,
    grpc: 8,
    ws: 1013,
    retryable: true,
    meaning: "The model's queue or the server's byte budget is full; retry after the given delay.",
  },
  "model-not-ready": {
    http: 503,
    grpc: 14,
    ws: 1013,
    retryable: true,
    meaning: "The model is known but has no version ready yet.",
  },
  draining: {
    http: 503,
    grpc: 14,
    ws: 1012,
    retryable: true,
    meaning: "The server is shutting down; another replica will answer.",
  },
  unavailable: {
    http: 503,
    grpc: 14,
    ws: 1013,
    retryable: true,
    meaning: "The engine that held the request ended before answering.",
  },
  "deadline-exceeded": {
    http: 504,
    grpc: 4,
    ws: 1013,
    retryable: false,
    meaning: "The request's deadline passed, or would have, before it was computed.",
  },
} as const satisfies Record<string, StatusRow>;

export type StatusCode = keyof typeof STATUS_TABLE;

export const STATUS_CODES = Object.keys(STATUS_TABLE) as readonly StatusCode[];

/** Facts that help a client mend its request; values are safe to show. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | null>>;

/**
 * The only error that a client ever sees. `message` is written for the client: it names what was
 * expected and what came. `cause` stays on the server.
 */
export class InferError extends Error {
  readonly code: StatusCode;
  readonly details: ErrorDetails | null;
  /** Set for retryable codes: when to try again, in milliseconds. */
  readonly retryAfterMs: number | null;

  constructor(
    code: StatusCode,
    message: string,
    options: { details?: ErrorDetails; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "InferError";
    this.code = code;
    this.details = options.details ?? null;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }
}

/**
 * An error that says no to a request under load. Thousands a second are made, of which nobody asks
 * where: it has no stack, which costs more than all else of it.
 * @param retryAfterMs when to try again
 */
export function createRefusal(
  code: StatusCode,
  message: string,
  retryAfterMs: number,
  details: ErrorDetails | null = null,
): InferError {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const refusal = new InferError(code, message, {
    retryAfterMs,
    ...(details === null ? {} : { details }),
  });
  Error.stackTraceLimit = stackTraceLimit;
  return refusal;
}

const DEFAULT_RETRY_AFTER_MS = 1000;

/** When a client may try again, in milliseconds; null for codes that are not retryable. */
export function retryAfterMsOf(error: InferError): number | null {
  if (!STATUS_TABLE[error.code].retryable) return null;
  return Math.ceil(error.retryAfterMs ?? DEFAULT_RETRY_AFTER_MS);
}

/** An unknown failure becomes `internal`; its text is kept as the cause and never sent. */
export function toInferError(thrown: unknown): InferError {
  if (thrown instanceof InferError) return thrown;
  return new InferError("internal", "internal error; the server's log has the cause", {
    cause: thrown,
  });
}
