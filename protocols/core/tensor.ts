import { arrayOf, type Datatype, type NumericData } from "./datatype.ts";
import { InferError } from "./status.ts";

/** Element values in row-major order; BYTES elements are strings (ONNX strings are UTF-8). */
export type TensorData = NumericData | string[];

/** A named array: `data.length` equals the product of `shape` (1 for rank 0). */
export interface Tensor {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
  /**
   * Some element came as JSON null and stands as NaN ("" in BYTES); absent where none did. Whether
   * that is allowed only the signature tells.
   */
  readonly hasNull?: boolean;
}

/**
 * Number of elements of a concrete shape.
 * @throws InferError `invalid-argument` for a negative or fractional dimension, or a product past 2^53.
 */
export function elementCount(tensorName: string, shape: readonly number[]): number {
  let count = 1;
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new InferError(
        "invalid-argument",
        `tensor '${tensorName}': shape [${shape.join(",")}] must hold whole numbers >= 0`,
      );
    }
    count *= dim;
  }
  if (!Number.isSafeInteger(count)) {
    throw new InferError(
      "invalid-argument",
      `tensor '${tensorName}': shape [${shape.join(",")}] is too large`,
    );
  }
  return count;
}

/**
 * A typed array over little-endian bytes: a view when the bytes are aligned, else one copy.
 * `bytes.byteLength` must be a multiple of the element size. A view shares the caller's memory.
 */
export function viewBytes(datatype: Exclude<Datatype, "BYTES">, bytes: Uint8Array): NumericData {
  const ArrayType = arrayOf(datatype);
  const length = bytes.byteLength / ArrayType.BYTES_PER_ELEMENT;
  if (bytes.byteOffset % ArrayType.BYTES_PER_ELEMENT === 0) {
    return new ArrayType(bytes.buffer, bytes.byteOffset, length);
  }
  const copy = new Uint8Array(bytes.byteLength);
  copy.set(bytes);
  return new ArrayType(copy.buffer, 0, length);
}

/** The little-endian bytes of a typed array, without a copy. */
export function bytesOf(data: NumericData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
