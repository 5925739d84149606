import { isUtf8 } from "node:buffer";
import { NeedsSignature } from "../core/codec.ts";
import type { InferRequest, InferResponse, Parameters } from "../core/infer.ts";
import type { Limits } from "../core/limits.ts";
import { InferError } from "../core/status.ts";
import type { Tensor, TensorData } from "../core/tensor.ts";
import { decodeBinary } from "./binary.ts";
import { describeJson, invalid, quote } from "./invalid.ts";
import { asBuffer } from "./json-bytes.ts";
import type { DataReading, TensorHead } from "./json-cursor.ts";
import { type KnownRequest, KnownRequests, type TensorForm } from "./known-requests.ts";
import {
  ALL_NON_FINITE_FORMS,
  type JsonNonFinite,
  NON_FINITE_FORMS,
  nonFiniteOf,
} from "./non-finite.ts";
import {
  asObject,
  assertFlag,
  assertTensorCount,
  type JsonObject,
  optionalArray,
  optionalString,
  readHead,
  readParameters,
  readRequestedOutputs,
  refuse,
  requiredString,
} from "./read-members.ts";
import { scanData } from "./scan-data.ts";
import { type DataRange, type SplitJson, splitJson } from "./split-json.ts";

/** The two parts of a body: JSON, and the binary tensor data after it (null: none can follow). */
export interface BodyParts {
  readonly json: Buffer;
  readonly tail: Uint8Array | null;
}

/**
 * Cuts a body at `jsonBytes` (Inference-Header-Content-Length; null: all of it is JSON).
 * @throws InferError `payload-too-large`, `invalid-argument`; `unsupported` for a raw binary body
 */
export function cutBody(body: Uint8Array, jsonBytes: number | null, limits: Limits): BodyParts {
  assertBodyFits(body, limits);
  if (jsonBytes === null) return { json: asBuffer(body), tail: null };
  if (!Number.isSafeInteger(jsonBytes) || jsonBytes < 0 || jsonBytes > body.byteLength) {
    throw invalid(
      `Inference-Header-Content-Length must be a whole number 1 to ${body.byteLength} (the body's length), got ${jsonBytes}`,
    );
  }
  if (jsonBytes === 0) {
    throw new NeedsSignature(
      "a raw binary body (Inference-Header-Content-Length: 0) has no meaning here; describe the tensors in JSON",
    );
  }
  return { json: asBuffer(body).subarray(0, jsonBytes), tail: body.subarray(jsonBytes) };
}

/** @throws InferError `payload-too-large` */
export function assertBodyFits(body: Uint8Array, limits: Limits): void {
  if (body.byteLength <= limits.maxBodyBytes) return;
  throw new InferError(
    "payload-too-large",
    `the body has ${body.byteLength} bytes, at most ${limits.maxBodyBytes} are taken (maxBodyBytes)`,
  );
}

/** A request and the root of its JSON, for members that only some wire forms have. */
export interface DecodedRequest {
  readonly request: InferRequest;
  /** `id` may be missing: the request has it. */
  readonly root: JsonObject;
}

const INPUT_READINGS: Readonly<Record<JsonNonFinite, DataReading>> = {
  reject: { isInput: true, nonFinite: NON_FINITE_FORMS.reject },
  null: { isInput: true, nonFinite: NON_FINITE_FORMS.null },
  string: { isInput: true, nonFinite: NON_FINITE_FORMS.string },
  token: { isInput: true, nonFinite: NON_FINITE_FORMS.token },
};
const ANSWER_READING: DataReading = { isInput: false, nonFinite: ALL_NON_FINITE_FORMS };

/** Of the calling thread. */
const knownRequests = new KnownRequests();

/**
 * Tensors may be views of the body or of memory that they share; all else may be shared with other
 * requests.
 * @param nonFinite where the request does not say
 * @param memory of requests before this one: makes it fast, changes nothing else
 * @throws InferError
 */
export function decodeRequest(
  parts: BodyParts,
  limits: Limits,
  nonFinite: JsonNonFinite = "reject",
  memory: KnownRequests = knownRequests,
): DecodedRequest {
  const known = memory.find(parts.json, limits);
  const filled = known === null ? null : tryFill(known, parts, nonFinite);
  return filled ?? readRequest(parts, limits, nonFinite, memory);
}

/** null for data that is not as it should be: reading the whole text tells what is wrong with it. */
function tryFill(
  known: KnownRequest,
  parts: BodyParts,
  nonFinite: JsonNonFinite,
): DecodedRequest | null {
  const { form, id, data } = known;
  if (form.tensors.some(isText) && !isUtf8(parts.json)) return null;
  try {
    const tail = new TailReader(parts.tail);
    const reading = INPUT_READINGS[nonFiniteOf(form.parameters, nonFinite)];
    const inputs = form.tensors.map((tensor, i) =>
      fillTensor(tensor, data[i] ?? null, parts.json, tail, reading),
    );
    tail.assertEmpty();
    const { parameters, outputs, root } = form;
    return { request: { id, parameters, inputs, outputs, isTyped: false }, root };
  } catch (thrown) {
    if (thrown instanceof InferError) return null;
    throw thrown;
  }
}

function isText({ head }: TensorForm): boolean {
  return head.datatype === "BYTES";
}

function readRequest(
  parts: BodyParts,
  limits: Limits,
  nonFinite: JsonNonFinite,
  memory: KnownRequests,
): DecodedRequest {
  const split = splitJson(parts.json, "inputs", limits);
  const root = asObject(split.root, "request");
  const id = optionalString(root, "id", "");
  const parameters = readParameters(root, "");
  assertFlag(parameters, "binary_data_output", "request");
  for (const key of parameters.keys()) {
    if (key.startsWith("triton_")) {
      throw invalid(`parameter ${quote(key)}: names that start with 'triton_' are reserved`);
    }
  }
  const reading = INPUT_READINGS[nonFiniteOf(parameters, nonFinite)];
  const outputs = readRequestedOutputs(root, limits);
  const tensors: TensorForm[] = [];
  const inputs = decodeTensors(root, "inputs", split, parts, limits, reading, tensors);
  const data = split.data.map((range, i) => (isBinary(tensors[i]) ? null : range));
  memory.learn(parts.json, data, { root, id, parameters, outputs, tensors }, limits);
  return { request: { id, parameters, inputs, outputs, isTyped: false }, root };
}

/** Tensors may be views of the body. @throws InferError */
export function decodeResponse(parts: BodyParts, limits: Limits): InferResponse {
  return readResponse(splitJson(parts.json, "outputs", limits), parts, limits);
}

/** The same, of a body whose JSON is split at `outputs` already. @throws InferError */
export function readResponse(split: SplitJson, parts: BodyParts, limits: Limits): InferResponse {
  const root = asObject(split.root, "response");
  return {
    modelName: requiredString(root, "model_name", ""),
    modelVersion: optionalString(root, "model_version", "") ?? "",
    id: optionalString(root, "id", ""),
    parameters: readParameters(root, ""),
    outputs: decodeTensors(root, "outputs", split, parts, limits, ANSWER_READING, []),
  };
}

/** @param forms takes what each tensor says beside its data */
function decodeTensors(
  root: JsonObject,
  key: "inputs" | "outputs",
  split: SplitJson,
  parts: BodyParts,
  limits: Limits,
  reading: DataReading,
  forms: TensorForm[],
): Tensor[] {
  const list = optionalArray(root, key, "");
  if (list === null) throw invalid(`expected an array '${key}', got nothing`);
  assertTensorCount(list.length, key, limits);
  const tail = new TailReader(parts.tail);
  const tensors = list.map((entry, i) => {
    const form = readForm(entry, `${key}[${i}]`, limits);
    forms.push(form);
    const range = jsonRange(form.head, form.parameters, split.data[i] ?? null, parts.json);
    return fillTensor(form, range, parts.json, tail, reading);
  });
  tail.assertEmpty();
  return tensors;
}

function readForm(entry: unknown, where: string, limits: Limits): TensorForm {
  const object = asObject(entry, where);
  const head = readHead(object, where, limits);
  const parameters = readParameters(object, `${where}.`);
  refuse(parameters, "shared_memory_region", `tensor ${quote(head.name)}`);
  return { head, parameters };
}

/** @param range the data in `json`; null: the next of the tail is */
function fillTensor(
  form: TensorForm,
  range: DataRange | null,
  json: Buffer,
  tail: TailReader,
  reading: DataReading,
): Tensor {
  const { head, parameters } = form;
  const { name, datatype, shape } = head;
  if (range === null) return { name, datatype, shape, data: takeBinary(head, parameters, tail) };
  const { data, hasNull } = scanData(json, range, head, reading);
  return hasNull ? { name, datatype, shape, data, hasNull } : { name, datatype, shape, data };
}

function isBinary(form: TensorForm | undefined): boolean {
  return form?.parameters.has("binary_data_size") === true;
}

/** Where the tensor's JSON data is; null when it travels as binary data. */
function jsonRange(
  head: TensorHead,
  parameters: Parameters,
  range: DataRange | null,
  json: Buffer,
): DataRange | null {
  const isJson = range !== null && !isNull(json, range);
  if (isJson === parameters.has("binary_data_size")) {
    throw invalid(
      `tensor ${quote(head.name)}: expected exactly one of 'data' and parameter 'binary_data_size', got ${isJson ? "both" : "neither"}`,
    );
  }
  return isJson ? range : null;
}

function takeBinary(head: TensorHead, parameters: Parameters, tail: TailReader): TensorData {
  const sizeBytes = parameters.get("binary_data_size") ?? null;
  if (typeof sizeBytes !== "number") {
    throw invalid(
      `tensor ${quote(head.name)}: parameter 'binary_data_size' must be a number, got ${describeJson(sizeBytes)}`,
    );
  }
  return decodeBinary(tail.take(sizeBytes, head.name), head);
}

function isNull(json: Buffer, range: DataRange): boolean {
  return range.end - range.start === 4 && json[range.start] === 0x6e;
}

/** Hands out the binary tensor data in order. */
class TailReader {
  readonly #tail: Uint8Array | null;
  #pos = 0;

  constructor(tail: Uint8Array | null) {
    this.#tail = tail;
  }

  take(sizeBytes: number, tensorName: string): Uint8Array {
    if (this.#tail === null) {
      throw invalid(
        `tensor ${quote(tensorName)}: 'binary_data_size' is given, but no binary data can follow (over HTTP it needs the header Inference-Header-Content-Length)`,
      );
    }
    const leftBytes = this.#tail.byteLength - this.#pos;
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > leftBytes) {
      throw invalid(
        `tensor ${quote(tensorName)}: 'binary_data_size' is ${sizeBytes}, but ${leftBytes} bytes of binary data are left in the body`,
      );
    }
    const start = this.#pos;
    this.#pos += sizeBytes;
    return this.#tail.subarray(start, this.#pos);
  }

  assertEmpty(): void {
    const leftBytes = this.#tail === null ? 0 : this.#tail.byteLength - this.#pos;
    if (leftBytes > 0) {
      throw invalid(`${leftBytes} bytes follow the last tensor of the body`);
    }
  }
}
