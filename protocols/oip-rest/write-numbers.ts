import { ByteWriter } from "./byte-writer.ts";
import { COMMA, DIGIT_0, DOT, MINUS } from "./json-bytes.ts";

/** Numbers as JSON text, digit by digit: several times faster than making a string of each. */

/** No number here is written with more characters, its comma included. */
const MAX_CHARS = 32;
const BLOCK = 256;

/** Writes a number at `at` of `out`, which has room for it; returns where the next byte goes. */
type NumberWriter = (out: Buffer, at: number, value: number) => number;

/** The elements with commas between, no brackets. */
function writeNumbers(writer: ByteWriter, data: ArrayLike<number>, write: NumberWriter): void {
  for (let from = 0; from < data.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, data.length);
    const out = writer.reserve(MAX_CHARS * (to - from));
    let { at } = writer;
    for (let i = from; i < to; i++) {
      if (i > 0) out[at++] = COMMA;
      at = write(out, at, data[i] as number);
    }
    writer.advance(at);
  }
}

/** @param data whole numbers of at most 32 bits and their signs */
export function writeIntegers(writer: ByteWriter, data: ArrayLike<number>): void {
  writeNumbers(writer, data, writeInteger);
}

/** @param data finite values; each reads back as the same FP32, and is short: 0.1, not 0.10000000149011612 */
export function writeFloat32s(writer: ByteWriter, data: Float32Array): void {
  writeNumbers(writer, data, writeFloat32);
}

/** Of the calling thread. */
const joiner = new ByteWriter();

/** As `writeIntegers`, to a text. */
export function joinIntegers(data: ArrayLike<number>): string {
  joiner.begin();
  writeIntegers(joiner, data);
  return joiner.takeAscii();
}

/** As `writeFloat32s`, to a text. */
export function joinFloat32(data: Float32Array): string {
  joiner.begin();
  writeFloat32s(joiner, data);
  return joiner.takeAscii();
}

function writeInteger(out: Buffer, at: number, value: number): number {
  let pos = at;
  if (value < 0) out[pos++] = MINUS;
  return writeDigits(out, pos, Math.abs(value), 0);
}

/** Decades of an FP32 that are written as plain decimals: 1e-7 up to 1e9. */
const FIRST_DECADE = -7;
const DECADES = Float64Array.from({ length: 17 }, (_, i) => Number(`1e${i + FIRST_DECADE}`));
const POWERS_10 = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

function writeFloat32(out: Buffer, at: number, value: number): number {
  const size = Math.abs(value);
  if (size >= 1e-7 && size < 1e9) {
    let decade = 1;
    while (size >= (DECADES[decade] as number)) decade++;
    // Seven digits say every text that a person would write, nine say every FP32.
    for (let count = 7; count <= 9; count++) {
      const after = tryDecimal(out, at, value, Math.max(0, count - FIRST_DECADE - decade));
      if (after !== -1) return after;
    }
  }
  return at + out.write(Object.is(value, -0) ? "-0" : `${value}`, at, "latin1");
}

/** Writes the value with so many decimals where that reads back as the same FP32; else -1. */
function tryDecimal(out: Buffer, at: number, value: number, decimals: number): number {
  const scale = POWERS_10[decimals] as number;
  const size = Math.abs(value);
  const digits = Math.round(size * scale);
  if (Math.fround(digits / scale) !== size) return -1;
  let pos = at;
  if (value < 0) out[pos++] = MINUS;
  return writeDigits(out, pos, digits, decimals);
}

const reversed = new Uint8Array(MAX_CHARS);

/** Writes digits / 10^decimals without trailing zeros; `digits` is below 2^32. */
function writeDigits(out: Buffer, at: number, digits: number, decimals: number): number {
  let rest = digits >>> 0;
  let left = decimals;
  while (left > 0 && rest % 10 === 0) {
    rest = (rest / 10) >>> 0;
    left--;
  }
  let count = 0;
  // At least one digit stands before the point.
  while (rest > 0 || count <= left) {
    const tens = (rest / 10) >>> 0;
    reversed[count++] = DIGIT_0 + rest - tens * 10;
    rest = tens;
  }
  let pos = at;
  while (count > 0) {
    if (count === left) out[pos++] = DOT;
    out[pos++] = reversed[--count] as number;
  }
  return pos;
}
