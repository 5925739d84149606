import { InferError } from "../core/status.ts";

/** The error of a malformed message; `problem` says what was expected and what came. */
export function invalid(problem: string): InferError {
  return new InferError("invalid-argument", problem);
}

/** A client's text cut to a length that is safe to send back. */
export function quote(text: string): string {
  return `'${text.length > 128 ? `${text.slice(0, 128)}…` : text}'`;
}

/** How a JSON value is called in messages. */
export function describeJson(value: unknown): string {
  if (value === null) return "null";
  if (value === undefined) return "nothing";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
