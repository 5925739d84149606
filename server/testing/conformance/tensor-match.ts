import type { Tensor } from "../../../protocols/core/tensor.ts";

/** As ONNX's own backend test runner compares (onnx/backend/test/loader): numpy.allclose. */
const RELATIVE = 1e-3;
const ABSOLUTE = 1e-7;

/** What differs first between an answer and what a case expects; null for nothing. */
export function describeDifference(
  got: readonly Tensor[],
  expected: readonly Tensor[],
): string | null {
  if (got.length !== expected.length) return `${got.length} outputs, not ${expected.length}`;
  for (const [i, want] of expected.entries()) {
    const difference = differenceOf(got[i] as Tensor, want);
    if (difference !== null) return `output '${want.name}': ${difference}`;
  }
  return null;
}

function differenceOf(got: Tensor, want: Tensor): string | null {
  if (got.name !== want.name) return `came as '${got.name}'`;
  if (got.datatype !== want.datatype) return `is ${got.datatype}, not ${want.datatype}`;
  if (String(got.shape) !== String(want.shape)) {
    return `has shape [${got.shape}], not [${want.shape}]`;
  }
  if (got.data.length !== want.data.length) return `has ${got.data.length} elements`;
  for (let i = 0; i < want.data.length; i += 1) {
    const [a, b] = [valueAt(got, i), valueAt(want, i)];
    if (!isSame(a, b)) return `element ${i} is ${a}, not ${b}`;
  }
  return null;
}

function isSame(a: string | number | bigint, b: string | number | bigint): boolean {
  if (typeof a !== "number" || typeof b !== "number") return a === b;
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= ABSOLUTE + RELATIVE * Math.abs(b);
}

/** An element as a number; bit patterns of 16-bit floats are decoded. */
export function valueAt({ datatype, data }: Tensor, i: number): string | number | bigint {
  const value = data[i] as string | number | bigint;
  if (datatype === "FP16") return halfToNumber(value as number);
  if (datatype === "BF16") return brainToNumber(value as number);
  return value;
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16: the upper half of binary32. */
function brainToNumber(bits: number): number {
  return new Float32Array(Uint32Array.of(bits << 16).buffer)[0] as number;
}
