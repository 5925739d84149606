import { DATATYPES, isDatatype } from "../core/datatype.ts";
import {
  NO_PARAMETERS,
  type Parameters,
  type ParameterValue,
  type RequestedOutput,
} from "../core/infer.ts";
import type { Limits } from "../core/limits.ts";
import { InferError } from "../core/status.ts";
import { elementCount } from "../core/tensor.ts";
import { describeJson, invalid, quote } from "./invalid.ts";
import type { TensorHead } from "./json-cursor.ts";

/**
 * Reads the members of parsed JSON with their types checked. Absent and null mean the same, as
 * several clients write null for what they leave out. Own members only: `__proto__` is a plain name.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

export function asObject(value: unknown, where: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(`${where}: expected a JSON object, got ${describeJson(value)}`);
  }
  return value as JsonObject;
}

/** The own member of that name, or null. */
export function member(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? (object[key] ?? null) : null;
}

export function optionalString(object: JsonObject, key: string, where: string): string | null {
  const value = member(object, key);
  if (value === null || typeof value === "string") return value;
  throw invalid(`${where}${key}: expected a string, got ${describeJson(value)}`);
}

export function requiredString(object: JsonObject, key: string, where: string): string {
  const value = member(object, key);
  if (typeof value === "string") return value;
  throw invalid(`${where}${key}: expected a string, got ${describeJson(value)}`);
}

export function optionalArray(
  object: JsonObject,
  key: string,
  where: string,
): readonly unknown[] | null {
  const value = member(object, key);
  if (value === null || Array.isArray(value)) return value;
  throw invalid(`${where}${key}: expected an array, got ${describeJson(value)}`);
}

/** Values that are null are left out. Numbers are doubles: whole ones are exact up to 2^53. */
export function readParameters(object: JsonObject, where: string): Parameters {
  const value = member(object, "parameters");
  if (value === null) return NO_PARAMETERS;
  const parameters = new Map<string, ParameterValue>();
  for (const [key, entry] of Object.entries(asObject(value, `${where}parameters`))) {
    if (entry === null) continue;
    if (!isParameterValue(entry)) {
      throw invalid(
        `${where}parameters ${quote(key)}: expected a string, finite number or boolean, got ${describeJson(entry)}`,
      );
    }
    parameters.set(key, entry);
  }
  return parameters;
}

function isParameterValue(value: unknown): value is ParameterValue {
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value === "string" || typeof value === "boolean";
}

/** Name, datatype and shape of a tensor; `where` names it by position. */
export function readHead(object: JsonObject, where: string, limits: Limits): TensorHead {
  const name = requiredString(object, "name", `${where}.`);
  const datatype = requiredString(object, "datatype", `${where}.`);
  if (!isDatatype(datatype)) {
    throw invalid(
      `tensor ${quote(name)}: expected a datatype of ${DATATYPES.join(", ")}, got ${quote(datatype)}`,
    );
  }
  const shape = optionalArray(object, "shape", `${where}.`);
  if (shape === null) throw invalid(`tensor ${quote(name)}: expected a shape, got nothing`);
  if (shape.length > limits.maxDims) {
    throw invalid(
      `tensor ${quote(name)}: ${shape.length} dimensions, at most ${limits.maxDims} are taken`,
    );
  }
  const dims = shape.map((dim) => {
    if (typeof dim === "number") return dim;
    throw invalid(`tensor ${quote(name)}: expected numbers in shape, got ${describeJson(dim)}`);
  });
  return { name, datatype, shape: dims, count: elementCount(name, dims) };
}

/** Requested outputs in order; null (all of them) when absent or empty, as Triton reads it. */
export function readRequestedOutputs(
  root: JsonObject,
  limits: Limits,
): readonly RequestedOutput[] | null {
  const list = optionalArray(root, "outputs", "");
  if (list === null || list.length === 0) return null;
  assertTensorCount(list.length, "outputs", limits);
  return list.map((entry, i) => {
    const where = `outputs[${i}]`;
    const object = asObject(entry, where);
    const name = requiredString(object, "name", `${where}.`);
    const parameters = readParameters(object, `${where}.`);
    refuse(parameters, "shared_memory_region", `output ${quote(name)}`);
    assertFlag(parameters, "binary_data", `output ${quote(name)}`);
    return { name, parameters };
  });
}

export function assertTensorCount(count: number, what: string, limits: Limits): void {
  if (count <= limits.maxTensors) return;
  throw invalid(`${count} ${what}, at most ${limits.maxTensors} are taken`);
}

/** @throws InferError `unsupported` when a parameter asks for an extension that is not offered */
export function refuse(parameters: Parameters, key: string, where: string): void {
  if (!parameters.has(key)) return;
  throw new InferError("unsupported", `${where}: this server does not offer '${key}'`);
}

export function assertFlag(parameters: Parameters, key: string, where: string): void {
  const value = parameters.get(key);
  if (value === undefined || typeof value === "boolean") return;
  throw invalid(`${where}: parameter '${key}' must be true or false, got ${describeJson(value)}`);
}
