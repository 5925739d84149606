import { type Datatype, elementBytes } from "../core/datatype.ts";
import { bytesOf, elementCount, type Tensor, type TensorData, viewBytes } from "../core/tensor.ts";
import { invalid, quote } from "./wire.ts";

/**
 * Raw tensor contents: little-endian, row-major, no padding; BOOL one byte; each BYTES element a
 * uint32 length and that many bytes of UTF-8 (Open Inference Protocol, tensor data: raw).
 */

export interface TensorHead {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

const LENGTH_BYTES = 4;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A view over `raw` where it is aligned, else a copy. @throws InferError `invalid-argument`. */
export function decodeRaw(head: TensorHead, raw: Uint8Array): TensorData {
  const { datatype } = head;
  const count = elementCount(head.name, head.shape);
  if (datatype === "BYTES") return decodeStrings(head, raw, count);
  const expected = count * (elementBytes(datatype) as number);
  if (raw.byteLength !== expected) {
    throw invalid(
      `${describe(head)} expects ${expected} raw bytes (${count} elements), got ${raw.byteLength}`,
    );
  }
  if (datatype === "BOOL") assertBooleans(head, raw);
  return viewBytes(datatype, raw);
}

function assertBooleans(head: TensorHead, raw: Uint8Array): void {
  for (let i = 0; i < raw.length; i++) {
    const value = raw[i] as number;
    if (value > 1) throw invalid(`${describe(head)}: element ${i} expects 0 or 1, got ${value}`);
  }
}

function decodeStrings(head: TensorHead, raw: Uint8Array, count: number): string[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const strings: string[] = [];
  let at = 0;
  while (at < raw.byteLength) {
    if (at + LENGTH_BYTES > raw.byteLength) throw cutOff(head, strings.length, at, raw);
    const start = at + LENGTH_BYTES;
    at = start + view.getUint32(at, true);
    if (at > raw.byteLength) throw cutOff(head, strings.length, start, raw);
    strings.push(decodeUtf8(head, strings.length, raw.subarray(start, at)));
  }
  if (strings.length !== count) {
    throw invalid(`${describe(head)} expects ${count} elements, got ${strings.length}`);
  }
  return strings;
}

function cutOff(head: TensorHead, element: number, at: number, raw: Uint8Array) {
  return invalid(
    `${describe(head)}: element ${element} at byte ${at} runs past the ${raw.byteLength} raw bytes`,
  );
}

/** @throws InferError `invalid-argument` naming the element, when the bytes are not UTF-8. */
export function decodeUtf8(head: TensorHead, element: number, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid(`${describe(head)}: element ${element} is not valid UTF-8`);
  }
}

/** How a tensor is named in messages: `tensor 'x' (FP32 [1,2])`. */
export function describe(head: TensorHead): string {
  return `tensor ${quote(head.name)} (${head.datatype} [${head.shape.join(",")}])`;
}

/** The raw bytes of a tensor: its own memory for numbers, new for BYTES. */
export function encodeRaw(tensor: Tensor): Uint8Array {
  if (!Array.isArray(tensor.data)) return bytesOf(tensor.data);
  let total = 0;
  for (const text of tensor.data) total += LENGTH_BYTES + Buffer.byteLength(text);
  const raw = Buffer.allocUnsafe(total);
  let at = 0;
  for (const text of tensor.data) {
    const written = raw.write(text, at + LENGTH_BYTES, "utf8");
    raw.writeUInt32LE(written, at);
    at += LENGTH_BYTES + written;
  }
  return raw;
}
