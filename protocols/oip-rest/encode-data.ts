import { InferError } from "../core/status.ts";
import type { Tensor } from "../core/tensor.ts";
import { quote } from "./invalid.ts";
import { tryJoinNatively } from "./number-accelerator.ts";
import { joinFloat32, joinIntegers } from "./write-numbers.ts";

/**
 * The flat JSON array of a tensor's elements; NaN is null where the tensor `hasNull`.
 * @throws InferError `not-representable` for NaN and infinities, `unsupported` for FP16 and BF16
 */
export function encodeData(tensor: Tensor): string {
  const { datatype, data } = tensor;
  if (Array.isArray(data)) return JSON.stringify(data);
  switch (datatype) {
    case "FP16":
    case "BF16":
      throw new InferError(
        "unsupported",
        `tensor ${quote(tensor.name)}: ${datatype} has no JSON form here; ask for it with parameter binary_data: true`,
      );
    case "BOOL":
      return encodeBooleans(data as Uint8Array);
    case "FP32":
      if (tensor.hasNull === true) return encodeWithNulls(tensor, data as Float32Array);
      return `[${tryJoinNatively(data as Float32Array) ?? joinFinite(tensor, data as Float32Array)}]`;
    case "FP64":
      if (tensor.hasNull === true) return encodeWithNulls(tensor, data as Float64Array);
      return `[${tryJoinNatively(data as Float64Array) ?? joinFinite(tensor, data as Float64Array)}]`;
    case "INT64":
    case "UINT64":
      return `[${data.join(",")}]`;
    default:
      return `[${joinIntegers(data as Int32Array)}]`;
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

function joinFinite(tensor: Tensor, data: Float32Array | Float64Array): string {
  assertFinite(tensor, data);
  if (data instanceof Float32Array) return joinFloat32(data);
  return Array.from(data, formatFloat64).join(",");
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
