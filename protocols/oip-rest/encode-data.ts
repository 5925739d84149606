import { InferError } from "../core/status.ts";
import type { Tensor } from "../core/tensor.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { quote } from "./invalid.ts";
import { CLOSE_ARRAY, OPEN_ARRAY } from "./json-bytes.ts";
import { tryWriteNatively } from "./number-accelerator.ts";
import { writeFloat32s, writeIntegers } from "./write-numbers.ts";

/**
 * Writes the flat JSON array of a tensor's elements; NaN is null where the tensor `hasNull`.
 * @throws InferError `not-representable` for NaN and infinities, `unsupported` for FP16 and BF16
 */
export function encodeData(writer: ByteWriter, tensor: Tensor): void {
  const { datatype, data } = tensor;
  if (Array.isArray(data)) {
    writer.text(JSON.stringify(data));
    return;
  }
  switch (datatype) {
    case "FP16":
    case "BF16":
      throw new InferError(
        "unsupported",
        `tensor ${quote(tensor.name)}: ${datatype} has no JSON form here; ask for it with parameter binary_data: true`,
      );
    case "BOOL":
      writer.text(encodeBooleans(data as Uint8Array));
      return;
    case "FP32":
    case "FP64":
      writeFloats(writer, tensor, data as Float32Array | Float64Array);
      return;
    case "INT64":
    case "UINT64":
      writer.text(`[${data.join(",")}]`);
      return;
    default:
      writer.byte(OPEN_ARRAY);
      writeIntegers(writer, data as Int32Array);
      writer.byte(CLOSE_ARRAY);
  }
}

function writeFloats(writer: ByteWriter, tensor: Tensor, data: Float32Array | Float64Array): void {
  if (tensor.hasNull === true) {
    writer.text(encodeWithNulls(tensor, data));
  } else if (!tryWriteNatively(writer, data)) {
    assertFinite(tensor, data);
    writer.byte(OPEN_ARRAY);
    if (data instanceof Float32Array) writeFloat32s(writer, data);
    else writer.text(Array.from(data, formatFloat64).join(","));
    writer.byte(CLOSE_ARRAY);
  }
}

/** NaN is written as null: a missing value of an input. */
function encodeWithNulls(tensor: Tensor, data: Float32Array | Float64Array): string {
  const texts = Array.from(data, (value, i) => {
    if (Number.isNaN(value)) return "null";
    if (!Number.isFinite(value)) throw notFinite(tensor, i, value);
    return formatFloat64(value);
  });
  return `[${texts.join(",")}]`;
}

function encodeBooleans(data: Uint8Array): string {
  let text = "[";
  for (let i = 0; i < data.length; i++) {
    if (i > 0) text += ",";
    text += data[i] === 0 ? "false" : "true";
  }
  return `${text}]`;
}

function assertFinite(tensor: Tensor, data: Float32Array | Float64Array): void {
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (value - value !== 0) throw notFinite(tensor, i, value);
  }
}

function notFinite(tensor: Tensor, element: number, value: number): InferError {
  return new InferError(
    "not-representable",
    `tensor ${quote(tensor.name)}: element ${element} is ${value}, which JSON has no form for; ask for it with parameter binary_data: true`,
    { details: { tensor: tensor.name.slice(0, 128), element } },
  );
}

function formatFloat64(value: number): string {
  return Object.is(value, -0) ? "-0" : `${value}`;
}
