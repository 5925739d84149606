import { basename } from "node:path";

/** What the data engine begins its messages with: "Conversion Error: …". */
const ENGINE_KIND =
  /^((?:Binder|Catalog|Constraint|Conversion|Internal|Invalid|Invalid Input|IO|Not implemented|Out of Memory|Out of Range|Parser|Permission|Serialization|Type Mismatch) Error): /;
const SYSTEM_CODE = /^[A-Z][A-Z0-9_]{1,60}$/;
const FRAME = /\n {4}at [^\n]*?([^/\\\n():]+\.[cm]?js):(\d+):\d+/;

/**
 * An error that nobody foresaw, as it may be kept for ever: its kind and where it was thrown. Its
 * message may hold values of rows, so that it goes to the job's own log only.
 */
export function describeDefect(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const kinds = [error.name, SYSTEM_CODE.test(code) ? code : "", engineKind(error)];
  const kind = kinds.filter((each) => each !== "").join(", ");
  const place = placeOf(error);
  return `unforeseen (${kind}${place === "" ? "" : ` at ${place}`}); the job's log has the whole`;
}

function engineKind({ message }: Error): string {
  return ENGINE_KIND.exec(message)?.[1] ?? "";
}

/** The stack begins with the message, which is data. */
function placeOf({ stack = "", message }: Error): string {
  const at = stack.indexOf(message);
  const frame = FRAME.exec(at === -1 ? "" : stack.slice(at + message.length));
  return frame === null ? "" : `${basename(frame[1] ?? "")}:${frame[2]}`;
}
