/** The two 16-bit float datatypes: IEEE 754 binary16, and the upper half of a binary32 (bfloat16). */
export type HalfDatatype = "FP16" | "BF16";

interface HalfFormat {
  /** Explicit bits of the significand. */
  readonly fractionBits: number;
  readonly bias: number;
  /** The pattern of infinity; patterns above it are NaN. */
  readonly infinity: number;
}

const FORMATS: Readonly<Record<HalfDatatype, HalfFormat>> = {
  FP16: { fractionBits: 10, bias: 15, infinity: 0x7c00 },
  BF16: { fractionBits: 7, bias: 127, infinity: 0x7f80 },
};

const SIGN = 0x8000;
const TWO_52 = 2 ** 52;
const DOUBLE_BIAS = 1023;

const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);

/**
 * The bit pattern nearest to a number, ties to even (IEEE 754 §4.3.1), straight from binary64: by way of
 * binary32 it would be rounded twice. Infinity for what rounds beyond the largest finite value; one
 * quiet NaN for all NaNs.
 */
export function toHalfBits(value: number, datatype: HalfDatatype): number {
  const { fractionBits, bias, infinity } = FORMATS[datatype];
  double[0] = value;
  const high = words[1] as number;
  const sign = (high >>> 16) & SIGN;
  if (Number.isNaN(value)) return sign | infinity | (1 << (fractionBits - 1));
  const exponent = ((high >>> 20) & 0x7ff) - DOUBLE_BIAS;
  if (exponent > bias) return sign | infinity;
  // Below the normal numbers all have the step of the smallest of those.
  const isNormal = exponent > -bias;
  const scaled = Math.abs(value) * powerOf2(fractionBits - (isNormal ? exponent : 1 - bias));
  const steps = scaled + TWO_52 - TWO_52;
  // A carry out of the fraction raises the exponent, as it should, up to infinity.
  const bits = isNormal ? ((exponent + bias - 1) << fractionBits) + steps : steps;
  return sign | bits;
}

/** The value of a bit pattern; exact. */
export function fromHalfBits(bits: number, datatype: HalfDatatype): number {
  const { fractionBits, bias, infinity } = FORMATS[datatype];
  const sign = bits & SIGN ? -1 : 1;
  const size = bits & ~SIGN;
  if (size > infinity) return Number.NaN;
  if (size === infinity) return sign * Number.POSITIVE_INFINITY;
  const exponent = size >> fractionBits;
  const fraction = size & ((1 << fractionBits) - 1);
  if (exponent === 0) return sign * fraction * powerOf2(1 - bias - fractionBits);
  const significand = fraction + (1 << fractionBits);
  return sign * significand * powerOf2(exponent - bias - fractionBits);
}

export function isFiniteHalf(bits: number, datatype: HalfDatatype): boolean {
  return (bits & ~SIGN) < FORMATS[datatype].infinity;
}

/** Exact. REQUIRES: a normal binary64. */
function powerOf2(exponent: number): number {
  words[0] = 0;
  words[1] = (exponent + DOUBLE_BIAS) << 20;
  return double[0] as number;
}
