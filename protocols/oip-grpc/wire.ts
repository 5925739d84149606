import type { BinaryReader } from "@bufbuild/protobuf/wire";
import { InferError } from "../core/status.ts";

/**
 * What every hand-written decoder here needs beside BinaryReader. Decoders switch on the whole tag
 * (field number and wire type in one), so a known field with a foreign wire type is skipped like an
 * unknown one, as the protobuf specification has it.
 */

/**
 * Reads the length of an embedded message or packed field; answers where it ends.
 * @throws Error when that is past `end`.
 */
export function readEnd(reader: BinaryReader, end: number): number {
  const inner = reader.uint32() + reader.pos;
  if (inner > end) throw new Error(`a field ends at byte ${inner}, past its message's end ${end}`);
  return inner;
}

export function skipField(reader: BinaryReader, tag: number): void {
  if (tag >>> 3 === 0) throw new Error("field number 0");
  reader.skip(tag & 7, tag >>> 3);
}

/** @throws Error when the last field ran past the end of its message. */
export function assertEnd(reader: BinaryReader, end: number): void {
  if (reader.pos !== end) throw new Error(`a field runs past its message's end, byte ${end}`);
}

/** An int64 as a number; values past 2^53 lose digits, and every caller refuses those. */
export function readInt64AsNumber(reader: BinaryReader, bytes: Uint8Array): number {
  const first = bytes[reader.pos];
  if (first !== undefined && first < 0x80) {
    reader.pos += 1;
    return first;
  }
  return Number(reader.int64());
}

/** Runs a decoder; whatever it throws becomes an InferError `invalid-argument` that names `message`. */
export function decodeAs<T>(message: string, decode: () => T): T {
  try {
    return decode();
  } catch (thrown) {
    if (thrown instanceof InferError) throw thrown;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new InferError("invalid-argument", `${message} does not parse as protobuf: ${why}`, {
      cause: thrown,
    });
  }
}

export function invalid(problem: string): InferError {
  return new InferError("invalid-argument", problem);
}

/** How a name from the wire is shown in a message. */
export function quote(name: string): string {
  return `'${name.slice(0, 128)}'`;
}
