import { isDatatype } from "../core/datatype.ts";
import type { TensorSignature } from "../core/signature.ts";
import { describeJson, invalid } from "./invalid.ts";
import { malformedAnswer } from "./malformed-answer.ts";
import {
  asObject,
  type JsonObject,
  optionalArray,
  optionalString,
  requiredString,
} from "./read-members.ts";

/**
 * The small JSON bodies around inference: server metadata, model metadata (inference_rest.md) and
 * the repository index (Triton's extension_model_repository.md). Decoders throw InferError
 * `internal`, for the server is to blame.
 */

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

export interface RepositoryIndexEntry {
  readonly name: string;
  readonly version: string;
  readonly state: string;
  readonly reason: string;
}

export function encodeServerMetadata(message: ServerMetadataMessage): Uint8Array {
  const { name, version, extensions } = message;
  return encodeJson({ name, version, extensions });
}

export function decodeServerMetadata(bytes: Uint8Array): ServerMetadataMessage {
  return decodeJson(bytes, (value) => {
    const root = asObject(value, "server metadata");
    return {
      name: requiredString(root, "name", ""),
      version: requiredString(root, "version", ""),
      extensions: readStrings(root, "extensions"),
    };
  });
}

export function encodeModelMetadata(message: ModelMetadataMessage): Uint8Array {
  const { name, versions, platform } = message;
  const tensor = (t: TensorSignature) => ({ name: t.name, datatype: t.datatype, shape: t.shape });
  return encodeJson({
    name,
    versions,
    platform,
    inputs: message.inputs.map(tensor),
    outputs: message.outputs.map(tensor),
  });
}

export function decodeModelMetadata(bytes: Uint8Array): ModelMetadataMessage {
  return decodeJson(bytes, (value) => {
    const root = asObject(value, "model metadata");
    return {
      name: requiredString(root, "name", ""),
      versions: readStrings(root, "versions"),
      platform: optionalString(root, "platform", "") ?? "",
      inputs: readSignatures(root, "inputs"),
      outputs: readSignatures(root, "outputs"),
    };
  });
}

export function encodeRepositoryIndex(entries: readonly RepositoryIndexEntry[]): Uint8Array {
  return encodeJson(
    entries.map(({ name, version, state, reason }) => ({ name, version, state, reason })),
  );
}

export function decodeRepositoryIndex(bytes: Uint8Array): readonly RepositoryIndexEntry[] {
  return decodeJson(bytes, (value) => {
    if (!Array.isArray(value)) throw invalid(`expected an array, got ${describeJson(value)}`);
    return value.map((item: unknown, i) => {
      const entry = asObject(item, `entry ${i}`);
      return {
        name: requiredString(entry, "name", ""),
        version: optionalString(entry, "version", "") ?? "",
        state: optionalString(entry, "state", "") ?? "",
        reason: optionalString(entry, "reason", "") ?? "",
      };
    });
  });
}

/** For bodies whose members are named as the wire names them. */
export function encodeObject(value: object): Uint8Array {
  return encodeJson(value);
}

function readStrings(root: JsonObject, key: string): readonly string[] {
  return (optionalArray(root, key, "") ?? []).map((item) => {
    if (typeof item === "string") return item;
    throw invalid(`${key}: expected strings, got ${describeJson(item)}`);
  });
}

function readSignatures(root: JsonObject, key: string): readonly TensorSignature[] {
  return (optionalArray(root, key, "") ?? []).map((item, i) => {
    const where = `${key}[${i}]`;
    const object = asObject(item, where);
    const datatype = requiredString(object, "datatype", `${where}.`);
    if (!isDatatype(datatype)) throw invalid(`${where}: unknown datatype '${datatype}'`);
    const shape = (optionalArray(object, "shape", `${where}.`) ?? []).map((dim) => {
      if (Number.isSafeInteger(dim)) return dim as number;
      throw invalid(`${where}.shape: expected whole numbers, got ${describeJson(dim)}`);
    });
    return { name: requiredString(object, "name", `${where}.`), datatype, shape };
  });
}

function encodeJson(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

function decodeJson<T>(bytes: Uint8Array, read: (value: unknown) => T): T {
  try {
    return read(JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
  } catch (thrown) {
    throw malformedAnswer(thrown);
  }
}
