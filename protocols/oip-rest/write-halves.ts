import { fromHalfBits, type HalfDatatype, toHalfBits } from "../core/half.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { COMMA } from "./json-bytes.ts";

/** Significant digits that tell any two values of a datatype apart. */
const MAX_DIGITS: Readonly<Record<HalfDatatype, number>> = { FP16: 5, BF16: 4 };

/** Whole numbers below are written in full: 65504 is surely meant as 65504, though 65500 reads back as it too. */
const MAX_EXACT = 2 ** 24;

/** Of the calling thread; bounded, as there are 65536 patterns. Finding the text costs more than all else. */
const texts: Readonly<Record<HalfDatatype, (string | undefined)[]>> = { FP16: [], BF16: [] };

/** @param data patterns of finite values; fractions are written short, and each reads back as the same: 0.1, not 0.0999755859375 */
export function writeHalves(writer: ByteWriter, data: Uint16Array, datatype: HalfDatatype): void {
  const known = texts[datatype];
  for (let i = 0; i < data.length; i++) {
    const bits = data[i] as number;
    if (i > 0) writer.byte(COMMA);
    const text = known[bits] ?? textOf(bits, datatype);
    known[bits] = text;
    writer.ascii(text);
  }
}

function textOf(bits: number, datatype: HalfDatatype): string {
  const value = fromHalfBits(bits, datatype);
  if (Object.is(value, -0)) return "-0";
  if (Number.isInteger(value) && Math.abs(value) < MAX_EXACT) return `${value}`;
  for (let digits = 1; digits < MAX_DIGITS[datatype]; digits++) {
    const short = Number(value.toPrecision(digits));
    if (toHalfBits(short, datatype) === bits) return `${short}`;
  }
  return `${Number(value.toPrecision(MAX_DIGITS[datatype]))}`;
}
