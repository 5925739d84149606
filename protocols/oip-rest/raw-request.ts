import { elementBytes } from "../core/datatype.ts";
import type { InferRequest, Parameters } from "../core/infer.ts";
import type { Signature, TensorSignature } from "../core/signature.ts";
import { bodyText, decodeBinary } from "./binary.ts";
import { invalid, quote } from "./invalid.ts";

/** A raw answer has no JSON to hold data. */
const PARAMETERS: Parameters = new Map([["binary_data_output", true]]);

/**
 * A raw binary request (Triton's extension_binary_data.md): the body is the data of the one input, which
 * the model's signature describes; all outputs are binary. One free dimension follows from the length;
 * of two the first is the batch, of one row. A BYTES body is one element, without its length before it.
 * @returns a request whose tensor may be a view of `body`
 * @throws InferError `invalid-argument`
 */
export function decodeRawRequest(body: Uint8Array, signature: Signature): InferRequest {
  const [input, ...others] = signature.inputs;
  if (input === undefined || others.length > 0) {
    throw invalid(
      `a raw binary request (Inference-Header-Content-Length: 0) needs a model with one input, this has ${signature.inputs.length}`,
    );
  }
  const { name, datatype } = input;
  const shape = shapeOf(input, body.byteLength);
  const count = shape.reduce((product, dim) => product * dim, 1);
  const data =
    datatype === "BYTES"
      ? [bodyText(body, name)]
      : decodeBinary(body, { name, datatype, shape, count });
  const inputs = [{ name, datatype, shape, data }];
  return { id: null, parameters: PARAMETERS, inputs, outputs: null, isTyped: false };
}

function shapeOf({ name, datatype, shape }: TensorSignature, bodyBytes: number): readonly number[] {
  const bytes = elementBytes(datatype);
  if (bytes === null) {
    if (shape.every((dim) => dim === -1 || dim === 1)) return shape.map(() => 1);
    throw invalid(`input ${quote(name)}: a raw binary request holds one BYTES element`);
  }
  const free = shape.filter((dim) => dim === -1).length;
  const isBatch = free === 2 && shape[0] === -1;
  if (free > 1 && !isBatch) {
    throw invalid(
      `input ${quote(name)}: a raw binary request leaves shape [${shape.join(",")}] open; describe it in JSON`,
    );
  }
  const known = shape.map((dim, i) => (isBatch && i === 0 ? 1 : dim));
  const stepBytes = known.reduce((product, dim) => product * (dim === -1 ? 1 : dim), bytes);
  const isFilled = stepBytes === 0 ? bodyBytes === 0 : bodyBytes % stepBytes === 0;
  if (known.includes(-1) && !isFilled) {
    throw invalid(
      `input ${quote(name)}: ${datatype} of shape [${known.join(",")}] takes a multiple of ${stepBytes} bytes, got ${bodyBytes}`,
    );
  }
  const size = stepBytes === 0 ? 0 : bodyBytes / stepBytes;
  return known.map((dim) => (dim === -1 ? size : dim));
}
