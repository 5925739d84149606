import type { Datatype } from "../core/datatype.ts";
import { type HalfDatatype, isFiniteHalf, toHalfBits } from "../core/half.ts";
import type { InferError } from "../core/status.ts";
import type { JsonCursor } from "./json-cursor.ts";
import { exactInteger, type NumberLexer, TWO_53 } from "./number-lexer.ts";

/**
 * Writes the numbers of one row of a JSON array into a typed array. A row is `count` elements with
 * commas between; the brackets around it are the caller's. One loop a kind of storage, so that each
 * stays monomorphic.
 */

/** Steps to and over the number `index` of a row. @throws InferError naming the element */
function lexElement(cursor: JsonCursor, lexer: NumberLexer, index: number, element: number): void {
  cursor.step(index, element);
  const after = lexer.lex(cursor.pos);
  if (after === -1 || after > cursor.end) throw cursor.badElement(element);
  cursor.pos = after;
}

/** The same where something else may stand for a number: false where none was, and nothing is stepped over. */
function lexFloat(cursor: JsonCursor, lexer: NumberLexer, index: number, element: number): boolean {
  cursor.step(index, element);
  const after = lexer.lex(cursor.pos);
  if (after === -1 || after > cursor.end) return false;
  cursor.pos = after;
  return true;
}

export function scanFloat32Row(
  cursor: JsonCursor,
  lexer: NumberLexer,
  out: Float32Array,
  from: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    if (!lexFloat(cursor, lexer, i, from + i)) {
      out[from + i] = cursor.takeNonFinite(from + i);
      continue;
    }
    const value = lexer.value32();
    if (value - value !== 0) throw outOfRange(cursor, lexer, "FP32", from + i);
    out[from + i] = value;
  }
}

export function scanFloat64Row(
  cursor: JsonCursor,
  lexer: NumberLexer,
  out: Float64Array,
  from: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    if (!lexFloat(cursor, lexer, i, from + i)) {
      out[from + i] = cursor.takeNonFinite(from + i);
      continue;
    }
    const value = lexer.value64();
    if (value - value !== 0) throw outOfRange(cursor, lexer, "FP64", from + i);
    out[from + i] = value;
  }
}

export function scanHalfRow(
  cursor: JsonCursor,
  lexer: NumberLexer,
  out: Uint16Array,
  from: number,
  count: number,
): void {
  const datatype = cursor.head.datatype as HalfDatatype;
  for (let i = 0; i < count; i++) {
    if (!lexFloat(cursor, lexer, i, from + i)) {
      out[from + i] = toHalfBits(cursor.takeNonFinite(from + i), datatype);
      continue;
    }
    const bits = toHalfBits(lexer.value64(), datatype);
    if (!isFiniteHalf(bits, datatype)) throw outOfRange(cursor, lexer, datatype, from + i);
    out[from + i] = bits;
  }
}

export type SmallIntArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int8Array
  | Int16Array
  | Int32Array;

/** Inclusive bounds of the integer datatypes. */
export const INTEGER_BOUNDS = {
  UINT8: [0n, 255n],
  UINT16: [0n, 65535n],
  UINT32: [0n, 4294967295n],
  UINT64: [0n, 18446744073709551615n],
  INT8: [-128n, 127n],
  INT16: [-32768n, 32767n],
  INT32: [-2147483648n, 2147483647n],
  INT64: [-9223372036854775808n, 9223372036854775807n],
} as const;

export type IntegerDatatype = keyof typeof INTEGER_BOUNDS;

export function scanSmallIntRow(
  cursor: JsonCursor,
  lexer: NumberLexer,
  out: SmallIntArray,
  from: number,
  count: number,
): void {
  const datatype = cursor.head.datatype as IntegerDatatype;
  const min = Number(INTEGER_BOUNDS[datatype][0]);
  const max = Number(INTEGER_BOUNDS[datatype][1]);
  for (let i = 0; i < count; i++) {
    lexElement(cursor, lexer, i, from + i);
    let value = lexer.isNegative ? -lexer.mantissa : lexer.mantissa;
    if (!lexer.isPlain || lexer.mantissa >= TWO_53) {
      value = Number(exactInteger(lexer.text()) ?? Number.NaN);
    }
    if (!(value >= min && value <= max)) throw outOfRange(cursor, lexer, datatype, from + i);
    out[from + i] = value;
  }
}

const TWO_32 = 2 ** 32;

export function scanInt64Row(
  cursor: JsonCursor,
  lexer: NumberLexer,
  out: BigInt64Array | BigUint64Array,
  from: number,
  count: number,
): void {
  const datatype = cursor.head.datatype as IntegerDatatype;
  const [min, max] = INTEGER_BOUNDS[datatype];
  // Short integers are written as two halves: no BigInt is made for them.
  const halves = new Uint32Array(out.buffer, out.byteOffset, out.length * 2);
  const isSigned = min < 0n;
  for (let i = 0; i < count; i++) {
    const element = from + i;
    lexElement(cursor, lexer, i, element);
    if (lexer.isPlain && lexer.mantissa < TWO_53 && (isSigned || !lexer.isNegative)) {
      const value = lexer.isNegative ? -lexer.mantissa : lexer.mantissa;
      const high = Math.floor(value / TWO_32);
      halves[element * 2] = value - high * TWO_32;
      halves[element * 2 + 1] = high;
      continue;
    }
    const exact = exactInteger(lexer.text());
    if (exact === null || exact < min || exact > max) {
      throw outOfRange(cursor, lexer, datatype, element);
    }
    out[element] = exact;
  }
}

const TRUE = "true";
const FALSE = "false";

/** `true`, `false`, 1 and 0. */
export function scanBoolRow(
  cursor: JsonCursor,
  lexer: NumberLexer,
  out: Uint8Array,
  from: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    const element = from + i;
    const first = cursor.step(i, element);
    if (first === TRUE.charCodeAt(0)) {
      stepOverWord(cursor, TRUE, element);
      out[element] = 1;
    } else if (first === FALSE.charCodeAt(0)) {
      stepOverWord(cursor, FALSE, element);
      out[element] = 0;
    } else {
      lexElement(cursor, lexer, 0, element);
      const value = lexer.value64();
      if (value !== 0 && value !== 1) throw outOfRange(cursor, lexer, "BOOL", element);
      out[element] = value;
    }
  }
}

function stepOverWord(cursor: JsonCursor, word: string, element: number): void {
  for (let i = 1; i < word.length; i++) {
    const at = cursor.pos + i;
    if (at >= cursor.end || cursor.bytes[at] !== word.charCodeAt(i)) {
      throw cursor.badElement(element);
    }
  }
  cursor.pos += word.length;
}

function outOfRange(
  cursor: JsonCursor,
  lexer: NumberLexer,
  datatype: Datatype,
  element: number,
): InferError {
  const text = lexer.text();
  const came = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return cursor.fail(`expected ${describeRange(datatype)} at element ${element}, got ${came}`);
}

function describeRange(datatype: Datatype): string {
  if (datatype === "BOOL") return "true, false, 0 or 1";
  const bounds = INTEGER_BOUNDS[datatype as IntegerDatatype];
  if (bounds === undefined) return `a number in the range of ${datatype}`;
  return `a whole number ${bounds[0]} to ${bounds[1]} (${datatype})`;
}
