import { Buffer } from "node:buffer";
import type { Random } from "./random.ts";

/** What once broke some parser somewhere. */
const TOKENS: readonly string[] = [
  '"__proto__"',
  '"constructor"',
  '"\\u0000"',
  '"\\ud800"',
  "null",
  "true",
  "[]",
  "{}",
  "[[[[[[[[",
  "]]",
  "NaN",
  "-Infinity",
  "1e999",
  "-0",
  "1e-400",
  "9007199254740993",
  "18446744073709551616",
  "-9223372036854775809",
  "0x10",
  "01",
  "1.",
  ",",
  ":",
  '"',
  "\\",
  "\0",
  "\xff\xfe",
  "\xc0\xaf",
  "\xed\xa0\x80",
  '"FP16"',
  '"BF16"',
  '"BYTES"',
  '"INT64"',
  '"BOOL"',
  '"shape"',
  '"data"',
  '"parameters"',
  '"binary_data_size"',
  '"binary_data_output":true,',
  '"classification":5,',
  '"priority":1,',
  '"timeout":1,',
  '"shared_memory_region":"a",',
];

const OPERATIONS = [flip, overwrite, insert, cut, repeat, token, token, digits] as const;

/** The bytes after one to five small changes. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let changed: Buffer = bytes;
  for (let left = 1 + random.below(5); left > 0; left -= 1) {
    changed = random.pick(OPERATIONS)(changed, random);
  }
  return changed;
}

function at(bytes: Buffer, random: Random): number {
  return random.below(bytes.length + 1);
}

function splice(bytes: Buffer, start: number, removed: number, added: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start + removed)]);
}

function flip(bytes: Buffer, random: Random): Buffer {
  if (bytes.length === 0) return bytes;
  const changed = Buffer.from(bytes);
  const place = random.below(bytes.length);
  changed[place] = (changed[place] ?? 0) ^ (1 << random.below(8));
  return changed;
}

function overwrite(bytes: Buffer, random: Random): Buffer {
  return splice(bytes, at(bytes, random), 1, Buffer.from([random.below(256)]));
}

function insert(bytes: Buffer, random: Random): Buffer {
  const added = Buffer.from(Array.from({ length: 1 + random.below(8) }, () => random.below(256)));
  return splice(bytes, at(bytes, random), 0, added);
}

function cut(bytes: Buffer, random: Random): Buffer {
  return splice(bytes, at(bytes, random), random.below(24), Buffer.alloc(0));
}

function repeat(bytes: Buffer, random: Random): Buffer {
  const start = at(bytes, random);
  const piece = bytes.subarray(start, start + random.below(64));
  return splice(bytes, start, 0, Buffer.concat(Array(1 + random.below(4)).fill(piece)));
}

function token(bytes: Buffer, random: Random): Buffer {
  const added = Buffer.from(random.pick(TOKENS), "latin1");
  return splice(bytes, at(bytes, random), random.below(2) * random.below(12), added);
}

/** One number becomes another. */
function digits(bytes: Buffer, random: Random): Buffer {
  const text = bytes.toString("latin1");
  const numbers = [...text.matchAll(/-?\d+/g)];
  if (numbers.length === 0) return bytes;
  const { index, 0: found } = random.pick(numbers);
  const other = random.pick(["0", "-1", "1", "255", "2147483648", "4294967297", "1e3", "65536"]);
  return splice(bytes, index, found.length, Buffer.from(other));
}
