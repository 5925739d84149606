import { isUtf8 } from "node:buffer";
import { arrayOf } from "../core/datatype.ts";
import { type TensorData, viewBytes } from "../core/tensor.ts";
import { invalid, quote } from "./invalid.ts";
import { asBuffer } from "./json-bytes.ts";
import type { TensorHead } from "./json-cursor.ts";

/** Bytes of one length prefix of a BYTES element. */
const PREFIX_BYTES = 4;

/**
 * Reads a tensor of the binary tensor data extension: little-endian, row-major; BYTES elements are
 * a uint32 length and UTF-8. The result is a view of `blob` where alignment allows, else a copy.
 * @throws InferError `invalid-argument` when blob and shape disagree or an element is malformed
 */
export function decodeBinary(blob: Uint8Array, head: TensorHead): TensorData {
  if (head.datatype === "BYTES") return decodeStrings(blob, head);
  const wantedBytes = head.count * arrayOf(head.datatype).BYTES_PER_ELEMENT;
  if (blob.byteLength !== wantedBytes) {
    throw invalid(
      `tensor ${quote(head.name)}: ${head.datatype} of shape [${head.shape.join(",")}] is ${wantedBytes} bytes, got binary_data_size ${blob.byteLength}`,
    );
  }
  if (head.datatype === "BOOL") assertBooleans(blob, head);
  return viewBytes(head.datatype, blob);
}

function assertBooleans(blob: Uint8Array, head: TensorHead): void {
  for (let i = 0; i < blob.byteLength; i++) {
    const byte = blob[i] as number;
    if (byte > 1) {
      throw invalid(`tensor ${quote(head.name)}: expected 0 or 1 at element ${i}, got ${byte}`);
    }
  }
}

function decodeStrings(blob: Uint8Array, head: TensorHead): string[] {
  const { name, count } = head;
  // Every element has a prefix: the blob bounds the count before anything is made from the shape.
  if (count * PREFIX_BYTES > blob.byteLength) {
    throw invalid(
      `tensor ${quote(name)}: ${count} BYTES elements need at least ${count * PREFIX_BYTES} bytes, got ${blob.byteLength}`,
    );
  }
  const buffer = asBuffer(blob);
  const strings: string[] = [];
  let pos = 0;
  for (let i = 0; i < count; i++) {
    const start = pos + PREFIX_BYTES;
    const end = start <= buffer.byteLength ? start + buffer.readUInt32LE(pos) : start;
    if (end > buffer.byteLength) {
      throw invalid(
        `tensor ${quote(name)}: element ${i} ends at byte ${end} of ${buffer.byteLength}`,
      );
    }
    if (!isUtf8(buffer.subarray(start, end))) {
      throw invalid(`tensor ${quote(name)}: element ${i} is not valid UTF-8`);
    }
    strings.push(buffer.toString("utf8", start, end));
    pos = end;
  }
  if (pos !== buffer.byteLength) {
    throw invalid(
      `tensor ${quote(name)}: ${buffer.byteLength - pos} bytes are left after ${count} BYTES elements`,
    );
  }
  return strings;
}

/** A whole body as one BYTES element. @throws InferError `invalid-argument` when it is not UTF-8 */
export function bodyText(body: Uint8Array, tensorName: string): string {
  if (!isUtf8(body)) throw invalid(`tensor ${quote(tensorName)}: the body is not valid UTF-8`);
  return asBuffer(body).toString("utf8");
}

/** The length-prefixed form of BYTES elements; one new array. */
export function encodeStrings(strings: readonly string[]): Uint8Array {
  let totalBytes = 0;
  for (const text of strings) totalBytes += PREFIX_BYTES + Buffer.byteLength(text, "utf8");
  const blob = Buffer.allocUnsafe(totalBytes);
  let pos = 0;
  for (const text of strings) {
    const written = blob.write(text, pos + PREFIX_BYTES, "utf8");
    blob.writeUInt32LE(written, pos);
    pos += PREFIX_BYTES + written;
  }
  return blob;
}
