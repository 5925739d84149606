/** What a failed call to Azure Blob Storage means for the caller. */
export type AzureFailureKind =
  /** No such blob or container. */
  | "missing"
  /** A create-only or compare-and-swap write lost, or a conditional read found another version. */
  | "condition"
  /** Asked for bytes past the end. */
  | "range"
  | "aborted"
  /** The account or a gateway is overloaded or out of order: worth another try. */
  | "busy"
  /** No answer: the line, the name, the certificate. Worth another try. */
  | "network"
  /** The credential, its rights or the account's firewall. */
  | "denied"
  | "failed";

export interface AzureFailure {
  readonly kind: AzureFailureKind;
  /** One line for a log. Holds no URL, header or token: the library's own errors do. */
  readonly message: string;
  /** What the service asked to wait (Retry-After), at most an hour; null: it did not say. */
  readonly retryAfterMs: number | null;
}

const MAX_RETRY_AFTER_MS = 3_600_000;
const MS_PER_SECOND = 1000;
/** The service lets signed requests be 15 minutes off; what differs by less than this is no hint. */
const NOTABLE_SKEW_MS = 120_000;

/**
 * Reads an error of the Azure libraries by its status, its code and the service's clock only. Do not
 * log or chain the error itself: it carries the request, whose URL may be signed.
 * @param nowMs this machine's clock, epoch milliseconds
 */
export function describeAzureFailure(thrown: unknown, nowMs: number = Date.now()): AzureFailure {
  const error = asRecord(thrown);
  const code = typeof error["code"] === "string" ? error["code"] : null;
  const name = typeof error["name"] === "string" ? error["name"] : "Error";
  const status = error["statusCode"];
  if (name === "AbortError" || name === "TimeoutError") {
    const message = "the call was cut off by its time limit or a shutdown";
    return { kind: "aborted", message, retryAfterMs: null };
  }
  if (typeof status !== "number") return withoutStatus(name, code);
  const kind = kindOf(status, code);
  const plain = `HTTP ${status} ${code ?? ""}`.trimEnd();
  const why = explain(status, code, skewMs(error, nowMs));
  const message = why === null ? plain : `${plain}: ${why}`;
  return { kind, message, retryAfterMs: kind === "busy" ? retryAfterMs(error, nowMs) : null };
}

/** Sign-in libraries name their errors; what they say may quote tenants, hosts and tokens. */
function withoutStatus(name: string, code: string | null): AzureFailure {
  if (/Credential|Authentication/.test(name)) {
    const message = `sign-in failed (${name}): no identity of this machine was accepted; see "Signing in" in repository.md`;
    return { kind: "denied", message, retryAfterMs: null };
  }
  if (code === null && name !== "RestError") {
    const message = `the answer is none of the storage service's (${name}; a proxy or gateway in between?)`;
    return { kind: "failed", message, retryAfterMs: null };
  }
  return { kind: "network", message: `no answer (${code ?? name})`, retryAfterMs: null };
}

function kindOf(status: number, code: string | null): AzureFailureKind {
  if (status === 404) return "missing";
  if (status === 412 || (status === 409 && code === "BlobAlreadyExists")) return "condition";
  if (status === 416) return "range";
  if (status === 401 || status === 403) return "denied";
  if (status === 429 || status === 408 || status >= 500) return "busy";
  return "failed";
}

const DENIALS: Readonly<Record<string, string>> = {
  AuthorizationPermissionMismatch:
    "signed in, but without the right to read; give it the role Storage Blob Data Reader, or a SAS with r and l",
  AuthorizationFailure:
    "signed in, but not let in; the account's firewall may not know this network, or the SAS lacks this right",
  AuthorizationProtocolMismatch: "the SAS is for https only",
  AuthorizationSourceIPMismatch: "the SAS is for other addresses than this machine's",
  AuthorizationResourceTypeMismatch:
    "the SAS lacks this kind of resource; it needs container and object",
  AuthorizationServiceMismatch: "the SAS is for another service than Blob",
  InsufficientAccountPermissions: "signed in, but the account does not allow it",
  KeyBasedAuthenticationNotPermitted:
    "the account refuses account keys; use the machine's identity",
  InvalidAuthenticationInfo: "the token is of another tenant or for another service",
  PublicAccessNotPermitted: "no credential came with the request",
  NoAuthenticationInformation: "no credential came with the request",
};

function explain(status: number, code: string | null, skew: number | null): string | null {
  if (status !== 401 && status !== 403) return null;
  if (skew !== null) {
    const seconds = Math.round(Math.abs(skew) / MS_PER_SECOND);
    return `this machine's clock is ${seconds} s ${skew > 0 ? "ahead of" : "behind"} the service's; set it right`;
  }
  if (code === "AuthenticationFailed") return "the key, SAS or token is wrong, revoked or expired";
  return code === null
    ? "denied, perhaps by a gateway: no storage error code came"
    : (DENIALS[code] ?? null);
}

/** How far this machine's clock is ahead of the service's; null: not notably, or not told. */
function skewMs(error: Readonly<Record<string, unknown>>, nowMs: number): number | null {
  const dateMs = Date.parse(readHeader(error, "date") ?? "");
  const skew = nowMs - dateMs;
  return Math.abs(skew) >= NOTABLE_SKEW_MS ? skew : null;
}

/** Seconds, or an HTTP date (RFC 9110, 10.2.3). */
function retryAfterMs(error: Readonly<Record<string, unknown>>, nowMs: number): number | null {
  const text = readHeader(error, "retry-after");
  if (text === null) return null;
  const ms = /^\d+$/.test(text) ? Number(text) * MS_PER_SECOND : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

function readHeader(error: Readonly<Record<string, unknown>>, name: string): string | null {
  const { headers } = asRecord(error["response"]) as { headers?: { get?: unknown } };
  if (typeof headers?.get !== "function") return null;
  const value: unknown = headers.get(name);
  return typeof value === "string" ? value : null;
}

function asRecord(thrown: unknown): Record<string, unknown> {
  return typeof thrown === "object" && thrown !== null ? (thrown as Record<string, unknown>) : {};
}
