import type { InferRequest, InferResponse, Parameters, RequestedOutput } from "../core/infer.ts";
import { InferError } from "../core/status.ts";
import { bytesOf, type Tensor } from "../core/tensor.ts";
import { encodeStrings } from "./binary.ts";
import { ByteWriter } from "./byte-writer.ts";
import { encodeData } from "./encode-data.ts";
import { CLOSE_ARRAY, CLOSE_OBJECT, COMMA, OPEN_OBJECT } from "./json-bytes.ts";
import { memberHead, modelHead, tensorHead } from "./message-heads.ts";
import type { JsonNonFinite } from "./non-finite.ts";

/** A message in parts to be sent one after another: JSON, and the binary tensor data behind it. */
export interface EncodedMessage {
  /** Bytes of the JSON; null: no binary data follows it. */
  readonly jsonBytes: number | null;
  /** Binary parts may be views of the tensors. */
  readonly parts: readonly Uint8Array[];
}

/** Binary data that begins at a multiple of this can be viewed as any datatype without a copy. */
const ALIGNMENT = 8;
const SPACE = 0x20;
/** Binary data that is copied behind the JSON: one write of two costs more than that. */
const MAX_COPIED_BYTES = 4096;
const utf8 = new TextEncoder();
const NO_BLOBS: readonly Uint8Array[] = [];

const ID = utf8.encode(`,"id":`);
const OUTPUTS = utf8.encode(`,"outputs":[`);
const INPUTS = utf8.encode(`"inputs":[`);
const PARAMETERS = utf8.encode(`"parameters":{`);
const DATA = utf8.encode(`,"data":`);
const NAME = utf8.encode(`{"name":`);

/** Of the calling thread. */
const writer = new ByteWriter();

/**
 * The JSON of a request or response is written by hand, straight to bytes: building objects for
 * JSON.stringify would copy every number once more, and building a text the whole message.
 * @param isBinary which tensors travel as binary data
 * @throws InferError `not-representable` for what JSON cannot carry
 */
export function encodeResponse(
  response: InferResponse,
  isBinary: (output: Tensor) => boolean,
  nonFinite: JsonNonFinite = "reject",
): EncodedMessage {
  const { modelName, modelVersion, id, parameters, outputs } = response;
  writer.begin();
  writer.bytes(modelHead(modelName, modelVersion));
  if (id !== null) {
    writer.bytes(ID);
    writer.quoted(id);
  }
  if (parameters.size > 0) {
    writer.byte(COMMA);
    writeParameters(parameters);
  }
  writer.bytes(OUTPUTS);
  return finish(writeTensors(outputs, isBinary, nonFinite));
}

/** @param extra members before the request's own, each `"name":value` */
export function encodeRequest(
  request: InferRequest,
  isBinary: (input: Tensor) => boolean,
  extra: readonly string[],
): EncodedMessage {
  writer.begin();
  writer.byte(OPEN_OBJECT);
  for (const member of extra) writer.text(`${member},`);
  if (request.id !== null) writer.text(`"id":${JSON.stringify(request.id)},`);
  if (request.parameters.size > 0) {
    writeParameters(request.parameters);
    writer.byte(COMMA);
  }
  writer.bytes(INPUTS);
  const blobs = writeTensors(request.inputs, isBinary, "reject");
  if (request.outputs !== null) writeRequestedOutputs(request.outputs);
  return finish(blobs);
}

function writeRequestedOutputs(outputs: readonly RequestedOutput[]): void {
  writer.bytes(OUTPUTS);
  outputs.forEach(({ name, parameters }, i) => {
    if (i > 0) writer.byte(COMMA);
    writer.bytes(NAME);
    writer.quoted(name);
    if (parameters.size > 0) {
      writer.byte(COMMA);
      writeParameters(parameters);
    }
    writer.byte(CLOSE_OBJECT);
  });
  writer.byte(CLOSE_ARRAY);
}

/** Closes the array that was opened for them. @returns what is to follow the JSON */
function writeTensors(
  tensors: readonly Tensor[],
  isBinary: (tensor: Tensor) => boolean,
  nonFinite: JsonNonFinite,
): readonly Uint8Array[] {
  let blobs: Uint8Array[] | null = null;
  for (let i = 0; i < tensors.length; i++) {
    const tensor = tensors[i] as Tensor;
    if (i > 0) writer.byte(COMMA);
    writer.bytes(tensorHead(tensor));
    if (isBinary(tensor)) {
      const blob = blobOf(tensor);
      blobs ??= [];
      blobs.push(blob);
      writer.ascii(`,"parameters":{"binary_data_size":${blob.byteLength}}`);
    } else {
      writer.bytes(DATA);
      encodeData(writer, tensor, nonFinite);
    }
    writer.byte(CLOSE_OBJECT);
  }
  writer.byte(CLOSE_ARRAY);
  return blobs ?? NO_BLOBS;
}

/** Ends the JSON and sets what follows behind it. */
function finish(blobs: readonly Uint8Array[]): EncodedMessage {
  writer.byte(CLOSE_OBJECT);
  if (blobs.length === 0) return { jsonBytes: null, parts: [writer.take()] };
  // Trailing spaces are legal JSON.
  while (writer.length % ALIGNMENT !== 0) writer.byte(SPACE);
  const jsonBytes = writer.length;
  let copied = 0;
  for (const blob of blobs) {
    if (blob.byteLength > MAX_COPIED_BYTES) break;
    writer.bytes(blob);
    copied++;
  }
  const head = writer.take();
  return { jsonBytes, parts: copied === blobs.length ? [head] : [head, ...blobs.slice(copied)] };
}

function blobOf(tensor: Tensor): Uint8Array {
  return Array.isArray(tensor.data) ? encodeStrings(tensor.data) : bytesOf(tensor.data);
}

function writeParameters(parameters: Parameters): void {
  writer.bytes(PARAMETERS);
  let isFirst = true;
  for (const [key, value] of parameters) {
    if (typeof value === "number" && !Number.isFinite(value)) {
      throw new InferError(
        "not-representable",
        `parameter '${key}' is ${value}, which JSON has no form for`,
      );
    }
    if (!isFirst) writer.byte(COMMA);
    isFirst = false;
    writer.bytes(memberHead(key));
    if (typeof value === "string") writer.quoted(value);
    else writer.ascii(`${value}`);
  }
  writer.byte(CLOSE_OBJECT);
}
