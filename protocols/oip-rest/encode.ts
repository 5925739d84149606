import type { InferRequest, InferResponse, Parameters } from "../core/infer.ts";
import { InferError } from "../core/status.ts";
import { bytesOf, type Tensor } from "../core/tensor.ts";
import { encodeStrings } from "./binary.ts";
import { encodeData } from "./encode-data.ts";
import { modelHead, tensorHead } from "./message-heads.ts";
import { quoteJson } from "./quote-json.ts";

/** JSON text and the binary tensor data that follows it, in tensor order. */
export interface EncodedMessage {
  readonly json: string;
  readonly blobs: readonly Uint8Array[];
}

/**
 * The JSON of a request or response is written by hand around the tensor data: building objects for
 * JSON.stringify would copy every number once more. Blobs are views of the tensors.
 * @param isBinary which tensors travel as binary data
 * @throws InferError `not-representable`, `unsupported` for what JSON cannot carry
 */
export function encodeResponse(
  response: InferResponse,
  isBinary: (output: Tensor) => boolean,
): EncodedMessage {
  const blobs: Uint8Array[] = [];
  const { modelName, modelVersion, id, parameters, outputs } = response;
  let json = modelHead(modelName, modelVersion);
  if (id !== null) json += `,"id":${quoteJson(id)}`;
  if (parameters.size > 0) json += `,${encodeParameters(parameters)}`;
  return { json: `${json},"outputs":${encodeTensors(outputs, isBinary, blobs)}}`, blobs };
}

/** @param extra members before the request's own, each `"name":value` */
export function encodeRequest(
  request: InferRequest,
  isBinary: (input: Tensor) => boolean,
  extra: readonly string[],
): EncodedMessage {
  const blobs: Uint8Array[] = [];
  const members = [...extra];
  if (request.id !== null) members.push(`"id":${quoteJson(request.id)}`);
  if (request.parameters.size > 0) members.push(encodeParameters(request.parameters));
  members.push(`"inputs":${encodeTensors(request.inputs, isBinary, blobs)}`);
  if (request.outputs !== null) {
    const outputs = request.outputs.map(({ name, parameters }) => {
      const tail = parameters.size > 0 ? `,${encodeParameters(parameters)}` : "";
      return `{"name":${quoteJson(name)}${tail}}`;
    });
    members.push(`"outputs":[${outputs.join(",")}]`);
  }
  return { json: `{${members.join(",")}}`, blobs };
}

function encodeTensors(
  tensors: readonly Tensor[],
  isBinary: (tensor: Tensor) => boolean,
  blobs: Uint8Array[],
): string {
  let text = "";
  for (const tensor of tensors) {
    if (text !== "") text += ",";
    text += tensorHead(tensor);
    if (isBinary(tensor)) {
      const blob = blobOf(tensor);
      blobs.push(blob);
      text += `,"parameters":{"binary_data_size":${blob.byteLength}}}`;
    } else {
      text += `,"data":${encodeData(tensor)}}`;
    }
  }
  return `[${text}]`;
}

function blobOf(tensor: Tensor): Uint8Array {
  return Array.isArray(tensor.data) ? encodeStrings(tensor.data) : bytesOf(tensor.data);
}

function encodeParameters(parameters: Parameters): string {
  let text = "";
  for (const [key, value] of parameters) {
    if (typeof value === "number" && !Number.isFinite(value)) {
      throw new InferError(
        "not-representable",
        `parameter '${key}' is ${value}, which JSON has no form for`,
      );
    }
    const written = typeof value === "string" ? quoteJson(value) : `${value}`;
    text += `${text === "" ? "" : ","}${quoteJson(key)}:${written}`;
  }
  return `"parameters":{${text}}`;
}
