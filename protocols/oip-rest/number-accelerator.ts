import type { TensorData } from "../core/tensor.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { COMMA } from "./json-bytes.ts";
import type { JsonCursor } from "./json-cursor.ts";

/** Native code for long arrays of numbers (native/addon.ts, which has the same two functions). */
export interface NumberAccelerator {
  /**
   * Reads the JSON array `bytes[start, end)`, flat or nested exactly like `shape`, into `out`.
   * @returns false for whatever is not plainly that; `out` holds rubbish then
   */
  scanNumbers(
    bytes: Uint8Array,
    start: number,
    end: number,
    shape: readonly number[],
    out: ScannedArray,
  ): boolean;

  /**
   * Writes `[v,v,…]`, the same characters as write-numbers.ts.
   * @returns bytes written, or -1 when `out` is too small or a value is not finite
   */
  writeNumbers(values: Float32Array | Float64Array, out: Uint8Array): number;
}

export type ScannedArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

/** Of the calling thread. */
let installed: NumberAccelerator | null = null;

/** Takes the place of the thread's own, from the next message on; null: TypeScript reads and writes all. */
export function installNumberAccelerator(accelerator: NumberAccelerator | null): void {
  installed = accelerator;
}

/** The call into native code costs what TypeScript needs for this much text (8 to 12 short numbers). */
const MIN_SCAN_BYTES = 48;

/**
 * Reads the cursor's text, to its end, into `data`. The cursor stays where it is.
 * @returns false when `data` must be read otherwise: no accelerator, short text, another datatype, or
 *   text that is not plainly numbers
 */
export function tryScanNatively(cursor: JsonCursor, data: TensorData): boolean {
  const { bytes, pos, end, head } = cursor;
  if (installed === null || end - pos < MIN_SCAN_BYTES || !isScanned(data)) return false;
  // BOOL is kept in a Uint8Array too, but has words and only two numbers.
  if (head.datatype === "BOOL") return false;
  return installed.scanNumbers(bytes, pos, end, head.shape, data);
}

function isScanned(data: TensorData): data is ScannedArray {
  return (
    data instanceof Float32Array ||
    data instanceof Float64Array ||
    data instanceof Int32Array ||
    data instanceof BigInt64Array ||
    data instanceof Uint8Array
  );
}

/** Fewer values are written by TypeScript in the time of the call; V8 keeps the smallest arrays where a call must move them first. */
const MIN_WRITE_COUNT = 17;
/** No value is written with more characters, its comma included. */
const MAX_CHARS = 26;
const BLOCK = 512;
const BRACKETS = 2;

/**
 * Writes the values as a JSON array.
 * @returns false when they must be written otherwise: no accelerator, few values, or one not finite;
 *   the message is as it was then
 */
export function tryWriteNatively(writer: ByteWriter, data: Float32Array | Float64Array): boolean {
  if (installed === null || data.length < MIN_WRITE_COUNT) return false;
  const before = writer.length;
  for (let from = 0; from < data.length; from += BLOCK) {
    const block = data.length <= BLOCK ? data : data.subarray(from, from + BLOCK);
    // Between blocks the bracket that closes one and the one that opens the next become a comma.
    if (from > 0) writer.truncate(writer.length - 1);
    const out = writer.reserve(MAX_CHARS * block.length + BRACKETS);
    const { at } = writer;
    const bytes = installed.writeNumbers(block, out.subarray(at));
    if (bytes === -1) {
      writer.truncate(before);
      return false;
    }
    if (from > 0) out[at] = COMMA;
    writer.advance(at + bytes);
  }
  return true;
}
