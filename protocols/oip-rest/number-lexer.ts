import { DIGIT_0, DOT, MINUS, PLUS } from "./json-bytes.ts";

/**
 * Reads one JSON number (RFC 8259 §6, strictly) out of bytes without making a string of it. After
 * `lex` the fields describe the token; `value*` turn it into a number.
 */
export class NumberLexer {
  isNegative = false;
  /** No fraction and no exponent. */
  isPlain = false;
  /** Without the sign; exact while it is less than 2^53. */
  mantissa = 0;
  /** The value is mantissa * 10^exponent10. */
  exponent10 = 0;
  readonly #bytes: Buffer;
  #start = 0;
  #end = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Reads the token at `at`; gives the position after it, or -1 when no number is there. */
  lex(at: number): number {
    const bytes = this.#bytes;
    let pos = at;
    let digit = (bytes[pos] ?? 0) - DIGIT_0;
    const isNegative = digit === MINUS - DIGIT_0;
    if (isNegative) digit = (bytes[++pos] ?? 0) - DIGIT_0;
    const first = pos;
    let mantissa = 0;
    while (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digit = (bytes[++pos] ?? 0) - DIGIT_0;
    }
    if (pos === first || (bytes[first] === DIGIT_0 && pos > first + 1)) return -1;
    this.isNegative = isNegative;
    this.isPlain = true;
    this.mantissa = mantissa;
    this.exponent10 = 0;
    if (digit === DOT - DIGIT_0) pos = this.#fraction(pos + 1);
    if (isExponentMark(bytes[pos])) pos = this.#exponent(pos + 1);
    this.#start = at;
    this.#end = pos;
    return pos;
  }

  /** The token's text. */
  text(): string {
    return this.#bytes.toString("latin1", this.#start, this.#end);
  }

  /** The nearest FP64; infinite when the token is out of range. */
  value64(): number {
    const e = this.exponent10;
    if (this.mantissa >= TWO_53 || e < -22 || e > 22) return Number(this.text());
    // Exact mantissa and exact power of ten: one correctly rounded operation (Clinger 1990).
    const magnitude = e < 0 ? this.mantissa / power10(-e) : this.mantissa * power10(e);
    return this.isNegative ? -magnitude : magnitude;
  }

  /** The FP32 nearest to value64(); infinite when the token is out of range. */
  value32(): number {
    const e = this.exponent10;
    if (this.mantissa < TWO_53 || this.mantissa >= 1e19 || e < -22 || e > 22) {
      return Math.fround(this.value64());
    }
    // The usual text of an FP32 widened to FP64 has 17 digits. Below 1e19 the mantissa is off by
    // less than 2^-49 of itself; where both ends of a wider interval round to one FP32, so does the
    // token.
    const near = e < 0 ? this.mantissa / power10(-e) : this.mantissa * power10(e);
    const low = Math.fround(near * (1 - MARGIN));
    if (low !== Math.fround(near * (1 + MARGIN))) return Math.fround(this.value64());
    return this.isNegative ? -low : low;
  }

  #fraction(at: number): number {
    const bytes = this.#bytes;
    let pos = at;
    let mantissa = this.mantissa;
    let digit = (bytes[pos] ?? 0) - DIGIT_0;
    while (digit >= 0 && digit <= 9) {
      mantissa = mantissa * 10 + digit;
      digit = (bytes[++pos] ?? 0) - DIGIT_0;
    }
    this.isPlain = false;
    this.mantissa = mantissa;
    this.exponent10 = at - pos;
    return pos === at ? -1 : pos;
  }

  #exponent(at: number): number {
    const bytes = this.#bytes;
    const isMinus = bytes[at] === MINUS;
    const first = isMinus || bytes[at] === PLUS ? at + 1 : at;
    let pos = first;
    let exponent = 0;
    while (isDigit(bytes[pos])) {
      // Past this cap the value is 0 or infinite; the slow path sees the real text.
      if (exponent < 1_000_000) exponent = exponent * 10 + (bytes[pos] as number) - DIGIT_0;
      pos++;
    }
    this.isPlain = false;
    this.exponent10 += isMinus ? -exponent : exponent;
    return pos === first ? -1 : pos;
  }
}

/** The largest integer below which doubles are exact. */
export const TWO_53 = 2 ** 53;
const MARGIN = 2 ** -48;
const POWERS_10 = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

function power10(exponent: number): number {
  return POWERS_10[exponent] as number;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= DIGIT_0 && byte <= DIGIT_0 + 9;
}

function isExponentMark(byte: number | undefined): boolean {
  return byte === 0x65 || byte === 0x45;
}

/** Longer than any 64-bit integer, with room for zeros behind a decimal point. */
const MAX_DIGITS = 64;

/**
 * The exact whole value of a JSON number's text, or null when it is fractional or far out of the
 * range of 64 bits (the cost stays linear in the text).
 */
export function exactInteger(text: string): bigint | null {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text);
  if (parts === null) return null;
  const [, sign = "", whole = "", fraction = "", power = "0"] = parts;
  let digits = `${whole}${fraction}`.replace(/^0+/, "");
  if (digits === "") return 0n;
  const shift = Number(power) - fraction.length;
  if (shift < 0) {
    const cut = digits.length + shift;
    if (cut <= 0 || /[1-9]/.test(digits.slice(cut))) return null;
    digits = digits.slice(0, cut);
  }
  const zeros = Math.max(shift, 0);
  if (digits.length + zeros > MAX_DIGITS) return null;
  return BigInt(`${sign}${digits}${"0".repeat(zeros)}`);
}
