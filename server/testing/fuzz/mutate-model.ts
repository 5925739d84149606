import type { Random } from "./random.ts";

/** Lengths and tags that parsers of protobuf trip over: varints of 2^31, 2^32, 2^63 and without an end. */
const TRAPS: readonly (readonly number[])[] = [
  [0x80, 0x80, 0x80, 0x80, 0x08],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0x0b, 0x0c],
  [0x00],
];

const OPERATIONS = [flip, flip, overwrite, overwrite, cut, copy, trap] as const;

/** A model file after one to `most` small changes. */
export function mutateModel(bytes: Uint8Array, random: Random, most: number): Uint8Array {
  const mutant = Uint8Array.from(bytes);
  let changed: Uint8Array = mutant;
  for (let left = 1 + random.below(most); left > 0 && changed.byteLength > 0; left -= 1) {
    changed = random.pick(OPERATIONS)(changed, random);
  }
  return changed;
}

function flip(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.byteLength);
  bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  return bytes;
}

function overwrite(bytes: Uint8Array, random: Random): Uint8Array {
  bytes[random.below(bytes.byteLength)] = random.below(256);
  return bytes;
}

function cut(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.byteLength);
  const end = Math.min(bytes.byteLength, at + 1 + random.below(32));
  return Uint8Array.from(Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]));
}

function copy(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.byteLength);
  const piece = bytes.subarray(at, at + 1 + random.below(32));
  return Uint8Array.from(Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]));
}

function trap(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.byteLength);
  bytes.set(random.pick(TRAPS).slice(0, bytes.byteLength - at), at);
  return bytes;
}
