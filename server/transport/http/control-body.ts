import { InferError } from "../../../protocols/core/status.ts";

/** Most bytes of the small JSON bodies of index, load and unload. */
export const MAX_CONTROL_BODY_BYTES = 64 * 1024;

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The body of POST /v2/repository/index; an empty one lists everything.
 * @throws InferError `invalid-argument`
 */
export function decodeIndexBody(body: Uint8Array): { readonly readyOnly: boolean } {
  const { ready = false } = decodeObject(body);
  if (typeof ready === "boolean") return { readyOnly: ready };
  throw new InferError(
    "invalid-argument",
    `member 'ready' must be true or false, got ${kindOf(ready)}`,
  );
}

/** The names of the parameters in a body of load or unload. @throws InferError `invalid-argument` */
export function decodeSteerBody(body: Uint8Array): readonly string[] {
  const { parameters = {} } = decodeObject(body);
  return Object.keys(assertObject(parameters, "member 'parameters'"));
}

/** An empty body is an empty object. @throws InferError `invalid-argument` */
export function decodeObject(body: Uint8Array): JsonObject {
  if (body.byteLength === 0) return {};
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new InferError(
      "invalid-argument",
      `the body must be empty or a JSON object, got ${body.byteLength} bytes that do not parse`,
    );
  }
  return assertObject(value, "the body");
}

function assertObject(value: unknown, what: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as JsonObject;
  }
  throw new InferError("invalid-argument", `${what} must be a JSON object, got ${kindOf(value)}`);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
