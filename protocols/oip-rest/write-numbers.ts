import { COMMA, DIGIT_0, DOT, MINUS } from "./json-bytes.ts";

/**
 * Writes numbers as JSON text digit by digit, several times faster than making a string of each.
 * The text of a block of elements is built in one scratch buffer (a thread runs one call at a time).
 */

/** No number here is written with more characters, its comma included. */
const MAX_CHARS = 32;
const BLOCK = 2048;
const scratch = Buffer.allocUnsafeSlow(MAX_CHARS * BLOCK);

type Writer = (at: number, value: number) => number;

/** The elements with commas between, no brackets. */
function joinNumbers(data: ArrayLike<number>, write: Writer): string {
  let text = "";
  for (let from = 0; from < data.length; from += BLOCK) {
    const to = Math.min(from + BLOCK, data.length);
    let pos = 0;
    for (let i = from; i < to; i++) {
      if (i > 0) scratch[pos++] = COMMA;
      pos = write(pos, data[i] as number);
    }
    text += scratch.toString("latin1", 0, pos);
  }
  return text;
}

/** @param data whole numbers of at most 32 bits and their signs */
export function joinIntegers(data: ArrayLike<number>): string {
  return joinNumbers(data, writeInteger);
}

/** @param data finite values; each reads back as the same FP32, and is short: 0.1, not 0.10000000149011612 */
export function joinFloat32(data: Float32Array): string {
  return joinNumbers(data, writeFloat32);
}

function writeInteger(at: number, value: number): number {
  let pos = at;
  if (value < 0) scratch[pos++] = MINUS;
  return writeDigits(pos, Math.abs(value), 0);
}

/** Decades of an FP32 that are written as plain decimals: 1e-7 up to 1e9. */
const FIRST_DECADE = -7;
const DECADES = Float64Array.from({ length: 17 }, (_, i) => Number(`1e${i + FIRST_DECADE}`));
const POWERS_10 = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

function writeFloat32(at: number, value: number): number {
  const size = Math.abs(value);
  if (size >= 1e-7 && size < 1e9) {
    let decade = 1;
    while (size >= (DECADES[decade] as number)) decade++;
    // Seven digits say every text that a person would write, nine say every FP32.
    for (let count = 7; count <= 9; count++) {
      const after = tryDecimal(at, value, Math.max(0, count - FIRST_DECADE - decade));
      if (after !== -1) return after;
    }
  }
  return at + scratch.write(Object.is(value, -0) ? "-0" : `${value}`, at, "latin1");
}

/** Writes the value with so many decimals where that reads back as the same FP32; else -1. */
function tryDecimal(at: number, value: number, decimals: number): number {
  const scale = POWERS_10[decimals] as number;
  const size = Math.abs(value);
  const digits = Math.round(size * scale);
  if (Math.fround(digits / scale) !== size) return -1;
  let pos = at;
  if (value < 0) scratch[pos++] = MINUS;
  return writeDigits(pos, digits, decimals);
}

const reversed = new Uint8Array(MAX_CHARS);

/** Writes digits / 10^decimals without trailing zeros; `digits` is below 2^32. */
function writeDigits(at: number, digits: number, decimals: number): number {
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
    if (count === left) scratch[pos++] = DOT;
    scratch[pos++] = reversed[--count] as number;
  }
  return pos;
}
