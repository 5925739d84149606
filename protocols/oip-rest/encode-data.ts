import { fromHalfBits, type HalfDatatype, isFiniteHalf } from "../core/half.ts";
import { InferError } from "../core/status.ts";
import type { Tensor } from "../core/tensor.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { quote } from "./invalid.ts";
import { CLOSE_ARRAY, COMMA, OPEN_ARRAY } from "./json-bytes.ts";
import type { JsonNonFinite } from "./non-finite.ts";
import { tryWriteNatively } from "./number-accelerator.ts";
import { writeHalves } from "./write-halves.ts";
import { writeFloat32s, writeIntegers } from "./write-numbers.ts";

type Floats = Float32Array | Float64Array | Uint16Array;

/**
 * Writes the flat JSON array of a tensor's elements; NaN is null where the tensor `hasNull`.
 * @throws InferError `not-representable` for NaN and infinities that have no form
 */
export function encodeData(writer: ByteWriter, tensor: Tensor, nonFinite: JsonNonFinite): void {
  const { datatype, data } = tensor;
  if (Array.isArray(data)) {
    writer.text(JSON.stringify(data));
    return;
  }
  switch (datatype) {
    case "FP32":
    case "FP64":
      if (tensor.hasNull === true || !tryWriteNatively(writer, data as Float32Array)) {
        writeFloats(writer, tensor, data as Float32Array | Float64Array, nonFinite);
      }
      return;
    case "FP16":
    case "BF16":
      writeFloats(writer, tensor, data as Uint16Array, nonFinite);
      return;
    case "BOOL":
      writer.text(encodeBooleans(data as Uint8Array));
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

/** Runs of finite elements, with what stands for the others between. */
function writeFloats(
  writer: ByteWriter,
  tensor: Tensor,
  data: Floats,
  nonFinite: JsonNonFinite,
): void {
  const half = data instanceof Uint16Array ? (tensor.datatype as HalfDatatype) : null;
  writer.byte(OPEN_ARRAY);
  let from = 0;
  for (let at = 0; at < data.length; at++) {
    const element = data[at] as number;
    if (half === null ? element - element === 0 : isFiniteHalf(element, half)) continue;
    writeRun(writer, data, from, at, half);
    if (at > 0) writer.byte(COMMA);
    const value = half === null ? element : fromHalfBits(element, half);
    writer.ascii(formOf(tensor, at, value, nonFinite));
    from = at + 1;
  }
  writeRun(writer, data, from, data.length, half);
  writer.byte(CLOSE_ARRAY);
}

/** Elements [from, to), all finite, and the comma before them. */
function writeRun(
  writer: ByteWriter,
  data: Floats,
  from: number,
  to: number,
  half: HalfDatatype | null,
): void {
  if (from >= to) return;
  if (from > 0) writer.byte(COMMA);
  const run = from === 0 && to === data.length ? data : data.subarray(from, to);
  if (half !== null) writeHalves(writer, run as Uint16Array, half);
  else if (run instanceof Float32Array) writeFloat32s(writer, run);
  else writer.text(Array.from(run as Float64Array, formatFloat64).join(","));
}

/** @param value NaN or an infinity */
function formOf(tensor: Tensor, element: number, value: number, nonFinite: JsonNonFinite): string {
  if (tensor.hasNull === true && Number.isNaN(value)) return "null";
  switch (nonFinite) {
    case "null":
      return "null";
    case "string":
      return `"${value}"`;
    case "token":
      return `${value}`;
    case "reject":
      throw notFinite(tensor, element, value);
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

function notFinite(tensor: Tensor, element: number, value: number): InferError {
  return new InferError(
    "not-representable",
    `tensor ${quote(tensor.name)}: element ${element} is ${value}, which JSON has no form for; ask for it with parameter binary_data: true, or choose one with request parameter json_non_finite`,
    { details: { tensor: tensor.name.slice(0, 128), element } },
  );
}

function formatFloat64(value: number): string {
  return Object.is(value, -0) ? "-0" : `${value}`;
}
