import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { InferCodec } from "../core/codec.ts";
import type {
  InferRequest,
  InferResponse,
  ModelRef,
  ParameterValue,
  RequestedOutput,
} from "../core/infer.ts";
import type { Limits } from "../core/limits.ts";
import { assertModelName } from "../core/names.ts";
import { InferError } from "../core/status.ts";
import type { Tensor } from "../core/tensor.ts";
import { readParameter, writeParameters } from "./parameters.ts";
import { encodeRaw } from "./raw-contents.ts";
import {
  assembleTensors,
  INPUT_SIDE,
  OUTPUT_SIDE,
  readTensorParts,
  type TensorParts,
  type TensorSide,
  writeTensor,
} from "./tensors.ts";
import { assertEnd, decodeAs, invalid, quote, readEnd, skipField } from "./wire.ts";

/**
 * ModelInferRequest and ModelInferResponse of inference.proto, written by hand: raw contents are
 * viewed, not copied, and an answer is put together in one allocation.
 */

/**
 * The server's side. `decode` shares the memory of `wire` with the tensors where it can; the answer
 * is typed when the request was, else raw.
 */
export const grpcInferCodec: InferCodec<Uint8Array, Uint8Array> = {
  decode: (wire, limits) => decodeInferRequest(wire, limits),
  encode: (response, request) => encodeInferResponse(response, request.isTyped),
};

/**
 * The model that a ModelInferRequest names, without a look at its tensors: it must be known before
 * they are decoded. @throws InferError `invalid-argument`.
 */
export function readModelRef(wire: Uint8Array): ModelRef {
  return decodeAs("ModelInferRequest", () => {
    const reader = new BinaryReader(wire);
    let name = "";
    let version = "";
    while (reader.pos < wire.byteLength) {
      const tag = reader.uint32();
      if (tag === 0x0a) name = reader.string(true);
      else if (tag === 0x12) version = reader.string(true);
      else skipField(reader, tag);
    }
    assertModelName(name);
    return { name, version: version === "" ? null : version };
  });
}

/** @throws InferError only. */
export function decodeInferRequest(wire: Uint8Array, limits: Limits): InferRequest {
  assertSize("ModelInferRequest", wire, limits);
  return decodeAs("ModelInferRequest", () => {
    const reader = new BinaryReader(wire);
    const message = readMessage(reader, wire, limits, REQUEST_TAGS);
    const { tensors, isTyped } = assembleTensors(
      reader,
      wire,
      message.tensors,
      message.raws,
      INPUT_SIDE,
    );
    return {
      id: message.id === "" ? null : message.id,
      parameters: message.parameters,
      inputs: tensors,
      outputs: message.requested.length === 0 ? null : message.requested,
      isTyped,
    };
  });
}

/** The client's side: what a server answered. @throws InferError only. */
export function decodeInferResponse(wire: Uint8Array, limits: Limits): InferResponse {
  assertSize("ModelInferResponse", wire, limits);
  return decodeAs("ModelInferResponse", () => {
    const reader = new BinaryReader(wire);
    const message = readMessage(reader, wire, limits, RESPONSE_TAGS);
    const { tensors, raws } = message;
    return {
      modelName: message.modelName,
      modelVersion: message.modelVersion,
      id: message.id === "" ? null : message.id,
      parameters: message.parameters,
      outputs: assembleTensors(reader, wire, tensors, raws, OUTPUT_SIDE).tensors,
    };
  });
}

/** The two messages differ only in where tensors, requested outputs and raw contents are. */
interface MessageTags {
  readonly tensor: number;
  /** 0: the message has none. */
  readonly requested: number;
  readonly raw: number;
  readonly side: TensorSide;
}
const REQUEST_TAGS: MessageTags = { tensor: 0x2a, requested: 0x32, raw: 0x3a, side: INPUT_SIDE };
const RESPONSE_TAGS: MessageTags = { tensor: 0x2a, requested: 0, raw: 0x32, side: OUTPUT_SIDE };

interface MessageParts {
  modelName: string;
  modelVersion: string;
  id: string;
  readonly parameters: Map<string, ParameterValue>;
  readonly tensors: TensorParts[];
  readonly requested: RequestedOutput[];
  readonly raws: Uint8Array[];
}

function readMessage(
  reader: BinaryReader,
  wire: Uint8Array,
  limits: Limits,
  tags: MessageTags,
): MessageParts {
  const end = wire.byteLength;
  const parts: MessageParts = {
    modelName: "",
    modelVersion: "",
    id: "",
    parameters: new Map(),
    tensors: [],
    requested: [],
    raws: [],
  };
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === tags.tensor) {
      parts.tensors.push(readTensorParts(reader, wire, readEnd(reader, end), limits));
      assertRoom(parts.tensors, limits, tags.side.tensors);
    } else if (tag === tags.raw) {
      parts.raws.push(reader.bytes());
      assertRoom(parts.raws, limits, tags.side.raw);
    } else if (tag === tags.requested) {
      parts.requested.push(readRequested(reader, readEnd(reader, end)));
      assertRoom(parts.requested, limits, "outputs");
    } else {
      readCommon(reader, tag, end, parts);
    }
  }
  assertEnd(reader, end);
  return parts;
}

function readCommon(reader: BinaryReader, tag: number, end: number, parts: MessageParts): void {
  if (tag === 0x0a) parts.modelName = reader.string(true);
  else if (tag === 0x12) parts.modelVersion = reader.string(true);
  else if (tag === 0x1a) parts.id = reader.string(true);
  else if (tag === 0x22) readParameter(reader, readEnd(reader, end), parts.parameters);
  else skipField(reader, tag);
}

function readRequested(reader: BinaryReader, end: number): RequestedOutput {
  let name = "";
  const parameters = new Map<string, ParameterValue>();
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) name = reader.string(true);
    else if (tag === 0x12) readParameter(reader, readEnd(reader, end), parameters);
    else skipField(reader, tag);
  }
  assertEnd(reader, end);
  if (parameters.has("shared_memory_region")) {
    throw new InferError(
      "unsupported",
      `output ${quote(name)}: the parameter 'shared_memory_region' is not offered`,
    );
  }
  return { name, parameters };
}

function assertRoom(list: readonly unknown[], limits: Limits, what: string): void {
  if (list.length > limits.maxTensors) {
    throw invalid(`expected at most ${limits.maxTensors} ${what}, got more`);
  }
}

function assertSize(message: string, wire: Uint8Array, limits: Limits): void {
  if (wire.byteLength <= limits.maxBodyBytes) return;
  throw new InferError(
    "payload-too-large",
    `${message} expects at most ${limits.maxBodyBytes} bytes (maxBodyBytes), got ${wire.byteLength}`,
  );
}

/**
 * The client's side: what it sends. Typed when `request.isTyped`.
 * @throws InferError `not-representable` for typed FP16 and BF16.
 */
export function encodeInferRequest(ref: ModelRef, request: InferRequest): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(0x0a).string(ref.name);
  if (ref.version !== null) writer.uint32(0x12).string(ref.version);
  if (request.id !== null) writer.uint32(0x1a).string(request.id);
  writeParameters(writer, 0x22, request.parameters);
  for (const tensor of request.inputs) writeTensor(writer, 0x2a, tensor, request.isTyped);
  for (const output of request.outputs ?? []) {
    writer.uint32(0x32).fork().uint32(0x0a).string(output.name);
    writeParameters(writer, 0x12, output.parameters);
    writer.join();
  }
  return finish(writer, 0x3a, request.isTyped ? [] : request.inputs);
}

/** @throws InferError `not-representable` when typed and an output is FP16 or BF16. */
export function encodeInferResponse(response: InferResponse, isTyped: boolean): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(0x0a).string(response.modelName);
  writer.uint32(0x12).string(response.modelVersion);
  if (response.id !== null) writer.uint32(0x1a).string(response.id);
  writeParameters(writer, 0x22, response.parameters);
  for (const tensor of response.outputs) writeTensor(writer, 0x2a, tensor, isTyped);
  return finish(writer, 0x32, isTyped ? [] : response.outputs);
}

/** Appends raw contents behind what is written, in one allocation of the exact size. */
function finish(writer: BinaryWriter, rawTag: number, tensors: readonly Tensor[]): Uint8Array {
  const head = writer.finish();
  if (tensors.length === 0) return head;
  const raws = tensors.map(encodeRaw);
  let total = head.byteLength;
  for (const raw of raws) total += 1 + varintBytes(raw.byteLength) + raw.byteLength;
  const wire = Buffer.allocUnsafe(total);
  wire.set(head, 0);
  let at = head.byteLength;
  for (const raw of raws) {
    wire[at] = rawTag;
    at = putVarint(wire, at + 1, raw.byteLength);
    wire.set(raw, at);
    at += raw.byteLength;
  }
  return wire;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1;
  return bytes;
}

function putVarint(wire: Uint8Array, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 0x80) {
    wire[at++] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  wire[at++] = rest;
  return at;
}
