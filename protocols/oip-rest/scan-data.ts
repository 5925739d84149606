import type { TensorData } from "../core/tensor.ts";
import { type ArrayMaker, makeArray, makeInputArray } from "./input-array.ts";
import { OPEN_ARRAY } from "./json-bytes.ts";
import { type DataReading, JsonCursor, type TensorHead } from "./json-cursor.ts";
import { tryScanNatively } from "./number-accelerator.ts";
import { NumberLexer } from "./number-lexer.ts";
import {
  type SmallIntArray,
  scanBoolRow,
  scanFloat32Row,
  scanFloat64Row,
  scanHalfRow,
  scanInt64Row,
  scanSmallIntRow,
} from "./scan-numbers.ts";
import { scanStringRow } from "./scan-strings.ts";
import type { DataRange } from "./split-json.ts";

export interface ScannedData {
  readonly data: TensorData;
  readonly hasNull: boolean;
}

/** Reads `count` elements into the tensor's storage, beginning at element `from`. */
type RowScanner = (from: number, count: number) => void;

/**
 * Reads the JSON `data` of one tensor: a flat array, or arrays nested exactly like the shape; a bare
 * value for rank 0. Storage is made only after the text is long enough to fill it.
 * @param reading null in a request is read as NaN in floats and as "" in BYTES, and reported
 * @throws InferError `invalid-argument` naming the tensor and the element
 */
export function scanData(
  bytes: Buffer,
  range: DataRange,
  head: TensorHead,
  reading: DataReading,
): ScannedData {
  const cursor = new JsonCursor(bytes, range.start, range.end, head, reading);
  assertFillable(cursor);
  const { data, scanRow } = storageFor(cursor, reading.isInput ? makeInputArray : makeArray);
  if (tryScanNatively(cursor, data)) return { data, hasNull: false };
  scanShape(cursor, scanRow);
  if (cursor.pos !== range.end) throw cursor.wrongCount();
  return { data, hasNull: cursor.hasNull };
}

/** The shortest text of n elements is `[1,2]`: 2n + 1 bytes; a bare scalar needs one. */
function assertFillable(cursor: JsonCursor): void {
  const { count, shape } = cursor.head;
  if (shape.length > 0 && cursor.peek() !== OPEN_ARRAY) throw cursor.unexpected("an array", 0);
  const leastBytes = shape.length === 0 ? 1 : 2 * count + 1;
  if (cursor.end - cursor.pos < leastBytes) throw cursor.wrongCount();
}

function storageFor(
  cursor: JsonCursor,
  make: ArrayMaker,
): { data: TensorData; scanRow: RowScanner } {
  const { datatype, count } = cursor.head;
  if (datatype === "BYTES") {
    const data: string[] = [];
    return { data, scanRow: (from, n) => scanStringRow(cursor, data, from, n) };
  }
  const lexer = new NumberLexer(cursor.bytes);
  switch (datatype) {
    case "FP32": {
      const data = make(Float32Array, count);
      return { data, scanRow: (from, n) => scanFloat32Row(cursor, lexer, data, from, n) };
    }
    case "FP64": {
      const data = make(Float64Array, count);
      return { data, scanRow: (from, n) => scanFloat64Row(cursor, lexer, data, from, n) };
    }
    case "INT64":
    case "UINT64": {
      const data = make<BigInt64Array | BigUint64Array>(
        datatype === "INT64" ? BigInt64Array : BigUint64Array,
        count,
      );
      return { data, scanRow: (from, n) => scanInt64Row(cursor, lexer, data, from, n) };
    }
    case "BOOL": {
      const data = make(Uint8Array, count);
      return { data, scanRow: (from, n) => scanBoolRow(cursor, lexer, data, from, n) };
    }
    case "FP16":
    case "BF16": {
      const data = make(Uint16Array, count);
      return { data, scanRow: (from, n) => scanHalfRow(cursor, lexer, data, from, n) };
    }
    default: {
      const data = make<SmallIntArray>(SMALL_INT_ARRAYS[datatype], count);
      return { data, scanRow: (from, n) => scanSmallIntRow(cursor, lexer, data, from, n) };
    }
  }
}

const SMALL_INT_ARRAYS = {
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
} as const;

function scanShape(cursor: JsonCursor, scanRow: RowScanner): void {
  const { shape, count } = cursor.head;
  if (cursor.peek() !== OPEN_ARRAY) {
    scanRow(0, 1);
    return;
  }
  cursor.pos++;
  const first = cursor.peek();
  if (first === OPEN_ARRAY && shape.length > 1) {
    scanLevel(cursor, scanRow, 0, 0);
  } else {
    scanRow(0, count);
    cursor.close(count);
  }
}

/** Inside the opening bracket of `level`; gives the element after it. */
function scanLevel(
  cursor: JsonCursor,
  scanRow: RowScanner,
  level: number,
  firstElement: number,
): number {
  const { shape } = cursor.head;
  const size = shape[level] as number;
  let element = firstElement;
  if (level === shape.length - 1) {
    scanRow(element, size);
    element += size;
  } else {
    for (let i = 0; i < size; i++) {
      if (cursor.step(i, element) !== OPEN_ARRAY) throw cursor.unexpected("'['", element);
      cursor.pos++;
      element = scanLevel(cursor, scanRow, level + 1, element);
    }
  }
  cursor.close(element);
  return element;
}
