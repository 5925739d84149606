import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { DATATYPES, isDatatype } from "../core/datatype.ts";
import type { ParameterValue } from "../core/infer.ts";
import type { Limits } from "../core/limits.ts";
import { InferError } from "../core/status.ts";
import type { Tensor } from "../core/tensor.ts";
import { readParameter } from "./parameters.ts";
import { decodeRaw, type TensorHead } from "./raw-contents.ts";
import { decodeTyped, spanBytes, writeTyped } from "./typed-contents.ts";
import { assertEnd, invalid, quote, readEnd, readInt64AsNumber, skipField } from "./wire.ts";

/**
 * InferInputTensor and InferOutputTensor, which share their field numbers. A tensor is read in two
 * steps, because its contents may come before its shape, and raw contents come after all tensors.
 */

/** A tensor message whose contents have been found and not yet read. */
export interface TensorParts {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly parameters: ReadonlyMap<string, ParameterValue>;
  /** Byte ranges of its InferTensorContents: start, end, …; null when it has none. */
  readonly contents: readonly number[] | null;
}

/** Reads one tensor message that ends at `end`. */
export function readTensorParts(
  reader: BinaryReader,
  bytes: Uint8Array,
  end: number,
  limits: Limits,
): TensorParts {
  let name = "";
  let datatype = "";
  let contents: number[] | null = null;
  const shape: number[] = [];
  const parameters = new Map<string, ParameterValue>();
  while (reader.pos < end) {
    const tag = reader.uint32();
    switch (tag) {
      case 0x0a:
        name = reader.string(true);
        break;
      case 0x12:
        datatype = reader.string(true);
        break;
      case 0x18:
        pushDim(shape, readInt64AsNumber(reader, bytes), name, limits);
        break;
      case 0x1a:
        readPackedShape(reader, bytes, readEnd(reader, end), shape, name, limits);
        break;
      case 0x22:
        readParameter(reader, readEnd(reader, end), parameters);
        break;
      case 0x2a: {
        const contentsEnd = readEnd(reader, end);
        contents ??= [];
        contents.push(reader.pos, contentsEnd);
        reader.pos = contentsEnd;
        break;
      }
      default:
        skipField(reader, tag);
    }
  }
  assertEnd(reader, end);
  return { name, datatype, shape, parameters, contents };
}

function readPackedShape(
  reader: BinaryReader,
  bytes: Uint8Array,
  end: number,
  shape: number[],
  name: string,
  limits: Limits,
): void {
  while (reader.pos < end) pushDim(shape, readInt64AsNumber(reader, bytes), name, limits);
  assertEnd(reader, end);
}

function pushDim(shape: number[], dim: number, name: string, limits: Limits): void {
  if (shape.length >= limits.maxDims) {
    throw invalid(`tensor ${quote(name)} expects at most ${limits.maxDims} dimensions, got more`);
  }
  shape.push(dim);
}

/** Which side a list of tensors is on; only names in messages differ. */
export interface TensorSide {
  readonly tensors: string;
  readonly raw: string;
}
export const INPUT_SIDE: TensorSide = { tensors: "inputs", raw: "raw_input_contents" };
export const OUTPUT_SIDE: TensorSide = { tensors: "outputs", raw: "raw_output_contents" };

export interface TensorList {
  readonly tensors: readonly Tensor[];
  readonly isTyped: boolean;
}

/**
 * Joins tensors with their contents. Raw contents, when there are any, are one an entry, and then
 * no tensor may have typed ones. @throws InferError `invalid-argument`, `unsupported`.
 */
export function assembleTensors(
  reader: BinaryReader,
  bytes: Uint8Array,
  parts: readonly TensorParts[],
  raws: readonly Uint8Array[],
  side: TensorSide,
): TensorList {
  if (raws.length > 0) return { tensors: joinRaw(parts, raws, side), isTyped: false };
  const tensors = parts.map((part) => {
    const head = headOf(part);
    return { ...head, data: decodeTyped(reader, bytes, part.contents ?? [], head) };
  });
  return { tensors, isTyped: parts.some((part) => part.contents !== null) };
}

function joinRaw(
  parts: readonly TensorParts[],
  raws: readonly Uint8Array[],
  side: TensorSide,
): readonly Tensor[] {
  const typed = parts.find((part) => part.contents !== null && spanBytes(part.contents) > 0);
  if (typed !== undefined) {
    throw invalid(
      `tensor ${quote(typed.name)} has typed contents and ${side.raw} is set too; expected one form for the whole message`,
    );
  }
  if (raws.length !== parts.length) {
    throw invalid(
      `expected ${parts.length} entries in ${side.raw}, one for each of ${side.tensors}, got ${raws.length}`,
    );
  }
  return parts.map((part, i) => {
    const head = headOf(part);
    return { ...head, data: decodeRaw(head, raws[i] as Uint8Array) };
  });
}

function headOf(part: TensorParts): TensorHead {
  const { name, datatype, shape } = part;
  if (name === "") throw invalid("a tensor has no name");
  if (!isDatatype(datatype)) {
    throw invalid(
      `tensor ${quote(name)} expects a datatype of ${DATATYPES.join(", ")}, got ${quote(datatype)}`,
    );
  }
  if (part.parameters.has("shared_memory_region")) {
    throw new InferError(
      "unsupported",
      `tensor ${quote(name)} names a shared memory region; this server takes contents in the message only`,
    );
  }
  return { name, datatype, shape };
}

/** Writes one tensor message under `tag`; its contents too when they travel typed. */
export function writeTensor(
  writer: BinaryWriter,
  tag: number,
  tensor: Tensor,
  isTyped: boolean,
): void {
  writer.uint32(tag).fork();
  writer.uint32(0x0a).string(tensor.name).uint32(0x12).string(tensor.datatype);
  if (tensor.shape.length > 0) {
    writer.uint32(0x1a).fork();
    for (const dim of tensor.shape) writer.int64(dim);
    writer.join();
  }
  if (isTyped) {
    writer.uint32(0x2a).fork();
    writeTyped(writer, tensor);
    writer.join();
  }
  writer.join();
}
