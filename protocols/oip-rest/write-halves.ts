import { fromHalfBits, type HalfDatatype, toHalfBits } from "../core/half.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { COMMA } from "./json-bytes.ts";

/** Significant digits that tell any two values of a datatype apart. */
const MAX_DIGITS: Readonly<Record<HalfDatatype, number>> = { FP16: 5, BF16: 4 };

/** Of the calling thread; bounded, as there are 65536 patterns. Finding the text costs more than all else. */
const texts: Readonly<Record<HalfDatatype, (string | undefined)[]>> = { FP16: [], BF16: [] };

/** @param data patterns of finite values; each is written short and reads back as the same: 0.1, not 0.0999755859375 */
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
  for (let digits = 1; digits < MAX_DIGITS[datatype]; digits++) {
    const short = Number(value.toPrecision(digits));
    if (toHalfBits(short, datatype) === bits) return `${short}`;
  }
  return `${Number(value.toPrecision(MAX_DIGITS[datatype]))}`;
}
