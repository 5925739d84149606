import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { arrayOf, type Datatype, type NumericData } from "../core/datatype.ts";
import { InferError } from "../core/status.ts";
import { bytesOf, elementCount, type Tensor, type TensorData } from "../core/tensor.ts";
import { decodeUtf8, describe, type TensorHead } from "./raw-contents.ts";
import { assertEnd, invalid, quote, readEnd, skipField } from "./wire.ts";

/** Typed tensor contents: InferTensorContents, one repeated field a family of datatypes. */

type Family = "small" | "big" | "fixed" | "bytes";

interface TypedField {
  readonly no: number;
  readonly name: string;
  readonly family: Family;
  /** Wire type of one element: 0 varint, 1 64-bit, 2 length-delimited, 5 32-bit. */
  readonly wire: 0 | 1 | 2 | 5;
  /** Fewest bytes of one element in a packed field. */
  readonly minBytes: number;
  readonly min: number;
  readonly max: number;
}

function small(no: number, name: string, min: number, max: number): TypedField {
  return { no, name, family: "small", wire: 0, minBytes: 1, min, max };
}

function other(no: number, name: string, family: Family, wire: 0 | 1 | 2 | 5): TypedField {
  const minBytes = wire === 5 ? 4 : wire === 1 ? 8 : 1;
  return { no, name, family, wire, minBytes, min: 0, max: 0 };
}

/** null: the datatype has no typed form. */
const FIELDS: Readonly<Record<Datatype, TypedField | null>> = {
  BOOL: small(1, "bool_contents", 0, 1),
  INT8: small(2, "int_contents", -0x80, 0x7f),
  INT16: small(2, "int_contents", -0x8000, 0x7fff),
  INT32: small(2, "int_contents", -0x80000000, 0x7fffffff),
  INT64: other(3, "int64_contents", "big", 0),
  UINT8: small(4, "uint_contents", 0, 0xff),
  UINT16: small(4, "uint_contents", 0, 0xffff),
  UINT32: small(4, "uint_contents", 0, 0xffffffff),
  UINT64: other(5, "uint64_contents", "big", 0),
  FP32: other(6, "fp32_contents", "fixed", 5),
  FP64: other(7, "fp64_contents", "fixed", 1),
  BYTES: other(8, "bytes_contents", "bytes", 2),
  FP16: null,
  BF16: null,
};

const FIELD_NAMES = [
  "",
  "bool_contents",
  "int_contents",
  "int64_contents",
  "uint_contents",
  "uint64_contents",
  "fp32_contents",
  "fp64_contents",
  "bytes_contents",
] as const;

/** Where a tensor's contents lie in the message: start, end, start, end, … (merged when several). */
export type Spans = readonly number[];

/** Takes elements in the order of the wire; keeps those that fit its tensor and counts all. */
interface Sink {
  readonly data: TensorData;
  readonly came: number;
  one(reader: BinaryReader): void;
  packed(reader: BinaryReader, end: number): void;
}

/**
 * The elements of one tensor; memory is taken only once the bytes at hand could fill it.
 * @throws InferError `invalid-argument` for a foreign field, a value out of range or a wrong count.
 */
export function decodeTyped(
  reader: BinaryReader,
  bytes: Uint8Array,
  spans: Spans,
  head: TensorHead,
): TensorData {
  const field = FIELDS[head.datatype];
  if (field === null) {
    throw invalid(
      `${describe(head)} has no typed form in this protocol; send it in raw_input_contents`,
    );
  }
  const count = elementCount(head.name, head.shape);
  const sink = createSink(
    bytes,
    head,
    field,
    count * field.minBytes <= spanBytes(spans) ? count : 0,
  );
  for (let i = 0; i < spans.length; i += 2) {
    reader.pos = spans[i] as number;
    readContents(reader, spans[i + 1] as number, head, field, sink);
  }
  if (sink.came !== count) {
    throw invalid(`${describe(head)} expects ${count} elements in ${field.name}, got ${sink.came}`);
  }
  return sink.data;
}

export function spanBytes(spans: Spans): number {
  let total = 0;
  for (let i = 0; i < spans.length; i += 2)
    total += (spans[i + 1] as number) - (spans[i] as number);
  return total;
}

function readContents(
  reader: BinaryReader,
  end: number,
  head: TensorHead,
  field: TypedField,
  sink: Sink,
): void {
  const oneTag = (field.no << 3) | field.wire;
  const packedTag = (field.no << 3) | 2;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === oneTag) {
      sink.one(reader);
    } else if (tag === packedTag) {
      const packedEnd = readEnd(reader, end);
      sink.packed(reader, packedEnd);
      assertEnd(reader, packedEnd);
    } else {
      refuseForeign(tag, head, field);
      skipField(reader, tag);
    }
  }
  assertEnd(reader, end);
}

function refuseForeign(tag: number, head: TensorHead, field: TypedField): void {
  const name = FIELD_NAMES[tag >>> 3];
  if (name === undefined || name === "" || tag >>> 3 === field.no) return;
  throw invalid(`${describe(head)} expects ${field.name}, got ${name}`);
}

function createSink(bytes: Uint8Array, head: TensorHead, field: TypedField, room: number): Sink {
  if (head.datatype === "BYTES") return new StringSink(head, bytes);
  const target = new (arrayOf(head.datatype))(room);
  if (field.family === "fixed") return new FixedSink(head, bytes, target);
  if (target instanceof BigInt64Array) return new BigSink(target, (r) => r.int64());
  if (target instanceof BigUint64Array) return new BigSink(target, (r) => r.uint64());
  return new SmallSink(head, field, target as SmallData);
}

type SmallData = Exclude<NumericData, BigInt64Array | BigUint64Array>;

class SmallSink implements Sink {
  readonly data: SmallData;
  came = 0;
  readonly #head: TensorHead;
  readonly #field: TypedField;
  readonly #read: (reader: BinaryReader) => number;

  constructor(head: TensorHead, field: TypedField, data: SmallData) {
    this.data = data;
    this.#head = head;
    this.#field = field;
    this.#read = SMALL_READERS[field.no] ?? readUnsigned;
  }

  one(reader: BinaryReader): void {
    const value = this.#read(reader);
    if (value < this.#field.min || value > this.#field.max) {
      throw invalid(
        `${describe(this.#head)}: element ${this.came} expects ${this.#field.min} to ${this.#field.max}, got ${value}`,
      );
    }
    if (this.came < this.data.length) this.data[this.came] = value;
    this.came += 1;
  }

  packed(reader: BinaryReader, end: number): void {
    while (reader.pos < end) this.one(reader);
  }
}

function readUnsigned(reader: BinaryReader): number {
  return reader.uint32();
}

const SMALL_READERS: Readonly<Record<number, (reader: BinaryReader) => number>> = {
  1: (reader) => (reader.bool() ? 1 : 0),
  2: (reader) => reader.int32(),
};

class BigSink implements Sink {
  readonly data: BigInt64Array | BigUint64Array;
  came = 0;
  readonly #read: (reader: BinaryReader) => bigint | string;

  constructor(
    data: BigInt64Array | BigUint64Array,
    read: (reader: BinaryReader) => bigint | string,
  ) {
    this.data = data;
    this.#read = read;
  }

  one(reader: BinaryReader): void {
    const value = this.#read(reader);
    if (this.came < this.data.length) this.data[this.came] = BigInt(value);
    this.came += 1;
  }

  packed(reader: BinaryReader, end: number): void {
    while (reader.pos < end) this.one(reader);
  }
}

/** FP32 and FP64: a packed field is the tensor's own bytes, moved in one piece. */
class FixedSink implements Sink {
  readonly data: NumericData;
  came = 0;
  readonly #head: TensorHead;
  readonly #bytes: Uint8Array;
  readonly #out: Uint8Array;

  constructor(head: TensorHead, bytes: Uint8Array, data: NumericData) {
    this.data = data;
    this.#head = head;
    this.#bytes = bytes;
    this.#out = bytesOf(data);
  }

  one(reader: BinaryReader): void {
    this.packed(reader, reader.pos + this.data.BYTES_PER_ELEMENT);
  }

  packed(reader: BinaryReader, end: number): void {
    const width = this.data.BYTES_PER_ELEMENT;
    const length = end - reader.pos;
    if (length % width !== 0) {
      throw invalid(
        `${describe(this.#head)} expects a multiple of ${width} bytes in a packed field, got ${length}`,
      );
    }
    if (end > this.#bytes.byteLength) throw new Error("premature end");
    const at = this.came * width;
    if (at + length <= this.#out.byteLength) {
      this.#out.set(this.#bytes.subarray(reader.pos, end), at);
    }
    this.came += length / width;
    reader.pos = end;
  }
}

class StringSink implements Sink {
  readonly data: string[] = [];
  readonly #head: TensorHead;
  readonly #bytes: Uint8Array;

  constructor(head: TensorHead, bytes: Uint8Array) {
    this.#head = head;
    this.#bytes = bytes;
  }

  get came(): number {
    return this.data.length;
  }

  one(reader: BinaryReader): void {
    const end = readEnd(reader, this.#bytes.byteLength);
    const element = this.#bytes.subarray(reader.pos, end);
    this.data.push(decodeUtf8(this.#head, this.data.length, element));
    reader.pos = end;
  }

  /** Not reached: `bytes` has no packed form, and its tags are one. */
  packed(reader: BinaryReader): void {
    this.one(reader);
  }
}

/**
 * Writes the fields of one InferTensorContents.
 * @throws InferError `not-representable` for FP16 and BF16.
 */
export function writeTyped(writer: BinaryWriter, tensor: Tensor): void {
  const field = FIELDS[tensor.datatype];
  if (field === null) {
    throw new InferError(
      "not-representable",
      `tensor ${quote(tensor.name)} is ${tensor.datatype}, which has no typed form in this protocol; send the inputs raw to get raw outputs`,
    );
  }
  const { data } = tensor;
  if (data.length === 0) return;
  if (Array.isArray(data)) {
    for (const text of data) writer.uint32((field.no << 3) | 2).string(text);
    return;
  }
  writer.uint32((field.no << 3) | 2);
  if (field.family === "fixed") {
    writer.bytes(bytesOf(data));
    return;
  }
  writer.fork();
  writeVarints(writer, data, field);
  writer.join();
}

function writeVarints(writer: BinaryWriter, data: NumericData, field: TypedField): void {
  if (data instanceof BigInt64Array) for (const value of data) writer.int64(value);
  else if (data instanceof BigUint64Array) for (const value of data) writer.uint64(value);
  else if (field.no === 1) for (const value of data) writer.bool(value !== 0);
  else if (field.no === 2) for (const value of data) writer.int32(value as number);
  else for (const value of data) writer.uint32(value as number);
}
