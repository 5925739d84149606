import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { isDatatype } from "../core/datatype.ts";
import type { ModelRef } from "../core/infer.ts";
import type { TensorSignature } from "../core/signature.ts";
import {
  assertEnd,
  decodeAs,
  invalid,
  quote,
  readEnd,
  readInt64AsNumber,
  skipField,
} from "./wire.ts";

/** The messages around inference (inference.proto, health.proto), in both directions. */

export interface ServerMetadataMessage {
  readonly name: string;
  readonly version: string;
  readonly extensions: readonly string[];
}

export interface ModelMetadataMessage {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

export interface RepositoryIndexQuery {
  readonly repositoryName: string;
  readonly isReadyOnly: boolean;
}

/** RepositoryModelLoadRequest and RepositoryModelUnloadRequest. */
export interface SteerMessage {
  readonly repositoryName: string;
  readonly modelName: string;
  /** Their values are not read: none is used. */
  readonly parameterNames: readonly string[];
}

export interface ModelIndexMessage {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly reason: string;
}

/** grpc.health.v1.HealthCheckResponse.ServingStatus. */
export const SERVING = 1;
export const NOT_SERVING = 2;

export const EMPTY_MESSAGE: Uint8Array = new Uint8Array(0);

/** Reads known fields, skips the rest. `field` answers whether it took the tag. */
function readFields(
  message: string,
  wire: Uint8Array,
  field: (tag: number, reader: BinaryReader) => boolean,
): void {
  decodeAs(message, () => {
    const reader = new BinaryReader(wire);
    while (reader.pos < wire.byteLength) {
      const tag = reader.uint32();
      if (!field(tag, reader)) skipField(reader, tag);
    }
  });
}

/** ServerLive-, ServerReady- and ModelReadyResponse: one bool, field 1. */
export function encodeFlag(value: boolean): Uint8Array {
  return value ? new Uint8Array([0x08, 1]) : EMPTY_MESSAGE;
}

export function decodeFlag(wire: Uint8Array): boolean {
  let value = false;
  readFields("the answer", wire, (tag, reader) => {
    if (tag !== 0x08) return false;
    value = reader.bool();
    return true;
  });
  return value;
}

/** ModelReadyRequest and ModelMetadataRequest: name and version. */
export function encodeModelRef(ref: ModelRef): Uint8Array {
  const writer = new BinaryWriter().uint32(0x0a).string(ref.name);
  if (ref.version !== null) writer.uint32(0x12).string(ref.version);
  return writer.finish();
}

export function decodeModelRef(wire: Uint8Array): ModelRef {
  const strings = readStrings("the request", wire, 2);
  const version = strings[1] as string;
  return { name: strings[0] as string, version: version === "" ? null : version };
}

export function encodeServerMetadata(metadata: ServerMetadataMessage): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(0x0a).string(metadata.name).uint32(0x12).string(metadata.version);
  for (const extension of metadata.extensions) writer.uint32(0x1a).string(extension);
  return writer.finish();
}

export function decodeServerMetadata(wire: Uint8Array): ServerMetadataMessage {
  let name = "";
  let version = "";
  const extensions: string[] = [];
  readFields("ServerMetadataResponse", wire, (tag, reader) => {
    if (tag === 0x0a) name = reader.string(true);
    else if (tag === 0x12) version = reader.string(true);
    else if (tag === 0x1a) extensions.push(reader.string(true));
    else return false;
    return true;
  });
  return { name, version, extensions };
}

export function encodeModelMetadata(metadata: ModelMetadataMessage): Uint8Array {
  const writer = new BinaryWriter().uint32(0x0a).string(metadata.name);
  for (const version of metadata.versions) writer.uint32(0x12).string(version);
  writer.uint32(0x1a).string(metadata.platform);
  for (const tensor of metadata.inputs) writeSignature(writer, 0x22, tensor);
  for (const tensor of metadata.outputs) writeSignature(writer, 0x2a, tensor);
  return writer.finish();
}

function writeSignature(writer: BinaryWriter, tag: number, tensor: TensorSignature): void {
  writer.uint32(tag).fork().uint32(0x0a).string(tensor.name).uint32(0x12).string(tensor.datatype);
  if (tensor.shape.length > 0) {
    writer.uint32(0x1a).fork();
    for (const dim of tensor.shape) writer.int64(dim);
    writer.join();
  }
  writer.join();
}

export function decodeModelMetadata(wire: Uint8Array): ModelMetadataMessage {
  let name = "";
  let platform = "";
  const versions: string[] = [];
  const inputs: TensorSignature[] = [];
  const outputs: TensorSignature[] = [];
  readFields("ModelMetadataResponse", wire, (tag, reader) => {
    if (tag === 0x0a) name = reader.string(true);
    else if (tag === 0x12) versions.push(reader.string(true));
    else if (tag === 0x1a) platform = reader.string(true);
    else if (tag === 0x22) inputs.push(readSignature(reader, wire));
    else if (tag === 0x2a) outputs.push(readSignature(reader, wire));
    else return false;
    return true;
  });
  return { name, versions, platform, inputs, outputs };
}

function readSignature(reader: BinaryReader, wire: Uint8Array): TensorSignature {
  const end = readEnd(reader, wire.byteLength);
  let name = "";
  let datatype = "";
  const shape: number[] = [];
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === 0x0a) name = reader.string(true);
    else if (tag === 0x12) datatype = reader.string(true);
    else if (tag === 0x18) shape.push(readInt64AsNumber(reader, wire));
    else if (tag === 0x1a) {
      const shapeEnd = readEnd(reader, end);
      while (reader.pos < shapeEnd) shape.push(readInt64AsNumber(reader, wire));
    } else skipField(reader, tag);
  }
  assertEnd(reader, end);
  if (!isDatatype(datatype)) {
    throw invalid(`tensor ${quote(name)} has the unknown datatype ${quote(datatype)}`);
  }
  return { name, datatype, shape };
}

export function encodeIndexQuery(query: RepositoryIndexQuery): Uint8Array {
  const writer = new BinaryWriter();
  if (query.repositoryName !== "") writer.uint32(0x0a).string(query.repositoryName);
  if (query.isReadyOnly) writer.uint32(0x10).bool(true);
  return writer.finish();
}

export function decodeIndexQuery(wire: Uint8Array): RepositoryIndexQuery {
  let repositoryName = "";
  let isReadyOnly = false;
  readFields("RepositoryIndexRequest", wire, (tag, reader) => {
    if (tag === 0x0a) repositoryName = reader.string(true);
    else if (tag === 0x10) isReadyOnly = reader.bool();
    else return false;
    return true;
  });
  return { repositoryName, isReadyOnly };
}

export function encodeIndex(models: readonly ModelIndexMessage[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const model of models) {
    writer.uint32(0x0a).fork();
    writer.uint32(0x0a).string(model.name).uint32(0x12).string(model.version);
    writer.uint32(0x1a).string(model.state);
    if (model.reason !== "") writer.uint32(0x22).string(model.reason);
    writer.join();
  }
  return writer.finish();
}

export function decodeIndex(wire: Uint8Array): readonly ModelIndexMessage[] {
  const models: ModelIndexMessage[] = [];
  readFields("RepositoryIndexResponse", wire, (tag, reader) => {
    if (tag !== 0x0a) return false;
    const [name, version, state, reason] = readStrings("ModelIndex", reader.bytes(), 4);
    models.push({
      name: name as string,
      version: version as string,
      state: state as string,
      reason: reason as string,
    });
    return true;
  });
  return models;
}

/** Parameters are sent without a value. */
export function encodeSteer(message: SteerMessage): Uint8Array {
  const writer = new BinaryWriter();
  if (message.repositoryName !== "") writer.uint32(0x0a).string(message.repositoryName);
  if (message.modelName !== "") writer.uint32(0x12).string(message.modelName);
  for (const name of message.parameterNames) {
    writer.uint32(0x1a).fork().uint32(0x0a).string(name).uint32(0x12).bytes(EMPTY_MESSAGE).join();
  }
  return writer.finish();
}

export function decodeSteer(wire: Uint8Array): SteerMessage {
  let repositoryName = "";
  let modelName = "";
  const parameterNames: string[] = [];
  readFields("the request", wire, (tag, reader) => {
    if (tag === 0x0a) repositoryName = reader.string(true);
    else if (tag === 0x12) modelName = reader.string(true);
    else if (tag === 0x1a) {
      const [name] = readStrings("a parameter", reader.bytes(), 1);
      parameterNames.push(name as string);
    } else return false;
    return true;
  });
  return { repositoryName, modelName, parameterNames };
}

/** Fields 1 to `count` of a message that holds only strings; an absent one is "". */
function readStrings(message: string, wire: Uint8Array, count: number): string[] {
  const strings = new Array<string>(count).fill("");
  readFields(message, wire, (tag, reader) => {
    const index = (tag >>> 3) - 1;
    if ((tag & 7) !== 2 || index < 0 || index >= count) return false;
    strings[index] = reader.string(true);
    return true;
  });
  return strings;
}

export function encodeHealthQuery(service: string): Uint8Array {
  return service === "" ? EMPTY_MESSAGE : new BinaryWriter().uint32(0x0a).string(service).finish();
}

export function decodeHealthQuery(wire: Uint8Array): string {
  return readStrings("HealthCheckRequest", wire, 1)[0] as string;
}

export function encodeHealth(isServing: boolean): Uint8Array {
  return new Uint8Array([0x08, isServing ? SERVING : NOT_SERVING]);
}

export function decodeHealth(wire: Uint8Array): boolean {
  let status = 0;
  readFields("HealthCheckResponse", wire, (tag, reader) => {
    if (tag !== 0x08) return false;
    status = reader.int32();
    return true;
  });
  return status === SERVING;
}
