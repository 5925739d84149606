import { arrayOf, type Datatype } from "../../protocols/core/datatype.ts";
import type { Signature, TensorSignature } from "../../protocols/core/signature.ts";
import { elementCount, type Tensor, type TensorData } from "../../protocols/core/tensor.ts";

/** The n-th element of a sample, by datatype. */
export type Fill = (datatype: Datatype, index: number) => number;

export const ZEROS: Fill = () => 0;

/**
 * Inputs that fit a signature; free dimensions are 1. A graph may still refuse them (an index out
 * of range, a minimum length): callers treat that as "no sample", not as a fault.
 */
export function sampleInputs(signature: Signature, fill: Fill): Tensor[] {
  return signature.inputs.map((input) => sampleTensor(input, fill));
}

function sampleTensor(input: TensorSignature, fill: Fill): Tensor {
  const shape = input.shape.map((dim) => (dim === -1 ? 1 : dim));
  const length = elementCount(input.name, shape);
  return {
    name: input.name,
    datatype: input.datatype,
    shape,
    data: sampleData(input, length, fill),
  };
}

function sampleData(input: TensorSignature, length: number, fill: Fill): TensorData {
  if (input.datatype === "BYTES") {
    return Array.from({ length }, (_, i) => String(fill("BYTES", i)));
  }
  const data = new (arrayOf(input.datatype))(length);
  for (let i = 0; i < length; i++) {
    const value = fill(input.datatype, i);
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(value);
    else data[i] = value;
  }
  return data;
}

/** Pseudo-random samples: floats in [-1, 1), whole numbers and truth values 0 or 1. */
export function randomFill(seed: number): Fill {
  let state = seed >>> 0 || 1;
  return (datatype) => {
    // xorshift32 (Marsaglia 2003)
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    const unit = (state >>> 0) / 2 ** 32;
    if (datatype === "FP32" || datatype === "FP64") return unit * 2 - 1;
    if (datatype === "FP16") return 0x3c00 * Math.round(unit);
    return Math.round(unit);
  };
}
