import type { TextMessage, TextValue } from "./text-format.ts";

/** A config.pbtxt that cannot be read or followed; says where, what was expected and what came. */
export class TritonConfigError extends Error {
  constructor(problem: string) {
    super(`config.pbtxt: ${problem}`);
    this.name = "TritonConfigError";
  }
}

/** The field's text, or the word that an enum or truth value is; null: it is not there. */
export function onlyText(message: TextMessage, field: string, what: string): string | null {
  const value = onlyValue(message, field, what);
  if (value === null) return null;
  if (value.kind === "string" || value.kind === "word") return value.text;
  return failOn(what, "text", value);
}

export function onlyNumber(message: TextMessage, field: string, what: string): number | null {
  const value = onlyValue(message, field, what);
  return value === null ? null : toInteger(what, value);
}

export function onlyMessage(message: TextMessage, field: string, what: string): TextMessage | null {
  const value = onlyValue(message, field, what);
  if (value === null) return null;
  return value.kind === "message" ? value.message : failOn(what, "a message in {}", value);
}

export function readNumbers(message: TextMessage, field: string, what: string): readonly number[] {
  return (message.get(field) ?? []).map((value) => toInteger(what, value));
}

export function readMessages(
  message: TextMessage,
  field: string,
  what: string,
): readonly TextMessage[] {
  return (message.get(field) ?? []).map((value) =>
    value.kind === "message" ? value.message : failOn(what, "a message in {}", value),
  );
}

function onlyValue(message: TextMessage, field: string, what: string): TextValue | null {
  const values = message.get(field) ?? [];
  const [first, second] = values;
  if (second !== undefined) {
    throw new TritonConfigError(`line ${second.line}: ${what} stands twice`);
  }
  return first ?? null;
}

function toInteger(what: string, value: TextValue): number {
  if (value.kind === "number" && Number.isSafeInteger(value.value)) return value.value;
  return failOn(what, "a whole number", value);
}

function failOn(what: string, expected: string, value: TextValue): never {
  const came =
    value.kind === "message"
      ? "a message"
      : value.kind === "number"
        ? value.value
        : `'${value.text.slice(0, 40)}'`;
  throw new TritonConfigError(`line ${value.line}: ${what} must be ${expected}, got ${came}`);
}
