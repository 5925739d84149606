/** What a failed call to Azure Blob Storage means for the caller. */
export type AzureFailureKind =
  /** No such blob or container. */
  | "missing"
  /** A create-only or compare-and-swap write lost, or a conditional read found another version. */
  | "condition"
  /** Asked for bytes past the end. */
  | "range"
  | "aborted"
  | "failed";

export interface AzureFailure {
  readonly kind: AzureFailureKind;
  /** One line for a log. Holds no URL, header or token: the library's own errors do. */
  readonly message: string;
}

/**
 * Reads an error of the Azure libraries by its status and code only. Do not log or chain the
 * error itself: it carries the request, whose URL may be signed.
 */
export function describeAzureFailure(thrown: unknown): AzureFailure {
  const error = asRecord(thrown);
  const code = typeof error["code"] === "string" ? error["code"] : null;
  const name = typeof error["name"] === "string" ? error["name"] : "Error";
  const status = error["statusCode"];
  if (name === "AbortError" || name === "TimeoutError") {
    return { kind: "aborted", message: "the call was cut off by its time limit or a shutdown" };
  }
  if (typeof status !== "number")
    return { kind: "failed", message: code ?? `sign-in or network: ${name}` };
  return { kind: kindOf(status, code), message: `HTTP ${status} ${code ?? ""}`.trimEnd() };
}

function kindOf(status: number, code: string | null): AzureFailureKind {
  if (status === 404) return "missing";
  if (status === 412 || (status === 409 && code === "BlobAlreadyExists")) return "condition";
  if (status === 416) return "range";
  return "failed";
}

function asRecord(thrown: unknown): Record<string, unknown> {
  return typeof thrown === "object" && thrown !== null ? (thrown as Record<string, unknown>) : {};
}
