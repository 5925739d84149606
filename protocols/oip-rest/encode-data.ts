import { InferError } from "../core/status.ts";
import type { Tensor } from "../core/tensor.ts";
import { quote } from "./invalid.ts";

/**
 * The flat JSON array of a tensor's elements.
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
      return encodeFloats(tensor, data as Float32Array, formatFloat32);
    case "FP64":
      return encodeFloats(tensor, data as Float64Array, formatFloat64);
    default:
      return `[${data.join(",")}]`;
  }
}

function encodeBooleans(data: Uint8Array): string {
  let text = "[";
  for (let i = 0; i < data.length; i++) {
    if (i > 0) text += ",";
    text += data[i] === 0 ? "false" : "true";
  }
  return `${text}]`;
}

function encodeFloats(
  tensor: Tensor,
  data: Float32Array | Float64Array,
  format: (value: number) => string,
): string {
  let text = "[";
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    if (value - value !== 0) throw notFinite(tensor, i, value);
    text += i > 0 ? `,${format(value)}` : format(value);
  }
  return `${text}]`;
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

/**
 * A short decimal that reads back as the same FP32: 0.1, not 0.10000000149011612. Tries the digits
 * that an FP32 of this size can need; falls back to the digits of the FP64.
 */
function formatFloat32(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e6) {
    const scale = size < 1 ? (size < 0.1 ? 1e10 : 1e8) : size < 100 ? 1e7 : 1e4;
    const short = Math.round(value * scale) / scale;
    if (Math.fround(short) === value) return `${short}`;
  }
  return formatFloat64(value);
}
