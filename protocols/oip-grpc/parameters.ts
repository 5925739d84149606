import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Parameters, ParameterValue } from "../core/infer.ts";
import { InferError } from "../core/status.ts";
import { assertEnd, invalid, quote, readEnd, skipField } from "./wire.ts";

/** `map<string, InferParameter>` (Open Inference Protocol, parameters extension). */

/** No client needs more; each costs far more memory than it has bytes. */
const MAX_PARAMETERS = 1024;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
const MAX_UINT64 = 2n ** 64n - 1n;

/** Reads one map entry that ends at `end`. A 64-bit integer past 2^53 comes out as a bigint. */
export function readParameter(
  reader: BinaryReader,
  end: number,
  into: Map<string, ParameterValue>,
): void {
  let key = "";
  let value: ParameterValue | null = null;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) key = reader.string(true);
    else if (tag === 0x12) value = readValue(reader, readEnd(reader, end), value);
    else skipField(reader, tag);
  }
  assertEnd(reader, end);
  if (value === null) throw invalid(`parameter ${quote(key)} has no value`);
  into.set(key, value);
  if (into.size > MAX_PARAMETERS) {
    throw invalid(`expected at most ${MAX_PARAMETERS} parameters in one map, got more`);
  }
}

function readValue(
  reader: BinaryReader,
  end: number,
  before: ParameterValue | null,
): ParameterValue | null {
  let value = before;
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 0x08:
        value = reader.bool();
        break;
      case 0x10:
        value = compact(BigInt(reader.int64()));
        break;
      case 0x1a:
        value = reader.string(true);
        break;
      case 0x21:
        value = reader.double();
        break;
      case 0x28:
        value = compact(BigInt(reader.uint64()));
        break;
      default:
        skipField(reader, tag);
    }
  }
  assertEnd(reader, end);
  return value;
}

function compact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** @throws InferError `not-representable` for an integer past 64 bits. */
export function writeParameters(writer: BinaryWriter, tag: number, parameters: Parameters): void {
  for (const [key, value] of parameters) {
    writer.uint32(tag).fork().uint32(0x0a).string(key).uint32(0x12).fork();
    writeValue(writer, key, value);
    writer.join().join();
  }
}

function writeValue(writer: BinaryWriter, key: string, value: ParameterValue): void {
  if (typeof value === "boolean") writer.uint32(0x08).bool(value);
  else if (typeof value === "string") writer.uint32(0x1a).string(value);
  else if (typeof value === "bigint") writeInteger(writer, key, value);
  else if (Number.isSafeInteger(value) && !Object.is(value, -0)) writer.uint32(0x10).int64(value);
  else writer.uint32(0x21).double(value);
}

function writeInteger(writer: BinaryWriter, key: string, value: bigint): void {
  if (value >= MIN_INT64 && value <= MAX_INT64) writer.uint32(0x10).int64(value);
  else if (value >= 0n && value <= MAX_UINT64) writer.uint32(0x28).uint64(value);
  else {
    throw new InferError(
      "not-representable",
      `parameter ${quote(key)}: ${value} does not fit in 64 bits`,
    );
  }
}
