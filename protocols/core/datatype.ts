/** Tensor element types of the Open Inference Protocol (§ tensor datatypes) and their JS storage. */

export const DATATYPES = [
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "BF16",
  "FP32",
  "FP64",
  "BYTES",
] as const;

export type Datatype = (typeof DATATYPES)[number];

/** FP16 and BF16 hold raw 16-bit patterns. */
export type NumericData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

interface NumericArrayConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (length: number): NumericData;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): NumericData;
}

const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Uint16Array,
  BF16: Uint16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const;

const NAMES: ReadonlySet<string> = new Set(DATATYPES);

export function isDatatype(name: string): name is Datatype {
  return NAMES.has(name);
}

/** The typed array of a fixed-size datatype. */
export function arrayOf(datatype: Exclude<Datatype, "BYTES">): NumericArrayConstructor {
  return ARRAYS[datatype];
}

/** Bytes per element, or null for BYTES (variable). */
export function elementBytes(datatype: Datatype): number | null {
  return datatype === "BYTES" ? null : ARRAYS[datatype].BYTES_PER_ELEMENT;
}
