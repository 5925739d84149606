import { BACKSLASH, QUOTE } from "./json-bytes.ts";
import type { JsonCursor } from "./json-cursor.ts";

/**
 * Appends the strings of one row to `out`; null, where it is taken, as "". The text is known to be valid UTF-8; strings without
 * escapes are sliced, the others go through JSON.parse.
 */
export function scanStringRow(
  cursor: JsonCursor,
  out: string[],
  from: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    const first = cursor.step(i, from + i);
    if (first === QUOTE) {
      out.push(scanString(cursor, from + i));
    } else {
      cursor.stepOverNull(from + i);
      out.push("");
    }
  }
}

const LONE_SURROGATE = /\p{Surrogate}/u;

function scanString(cursor: JsonCursor, element: number): string {
  const { bytes, end } = cursor;
  const start = cursor.pos;
  let pos = start + 1;
  let isEscaped = false;
  for (;;) {
    const byte = pos < end ? (bytes[pos] as number) : 0;
    if (byte === QUOTE) break;
    if (byte < 0x20) {
      throw cursor.fail(`element ${element} is a string with a raw control character or no end`);
    }
    if (byte === BACKSLASH) {
      isEscaped = true;
      pos++;
    }
    pos++;
  }
  cursor.pos = pos + 1;
  if (!isEscaped) return bytes.toString("utf8", start + 1, pos);
  const text = parseString(bytes.toString("utf8", start, pos + 1));
  if (text === null) throw cursor.fail(`element ${element} is a string with a bad escape`);
  if (LONE_SURROGATE.test(text)) {
    throw cursor.fail(`element ${element} holds half a surrogate pair, which UTF-8 cannot carry`);
  }
  return text;
}

function parseString(json: string): string | null {
  try {
    return String(JSON.parse(json));
  } catch {
    return null;
  }
}
