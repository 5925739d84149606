import type { LabelRecord } from "../../../protocols/capture/capture-record.ts";
import { fromHalfBits } from "../../../protocols/core/half.ts";
import type { Tensor } from "../../../protocols/core/tensor.ts";
import { joinFloat32, joinIntegers } from "../../../protocols/oip-rest/write-numbers.ts";
import type { QueuedPrediction } from "./capture-messages.ts";

/** The line of a prediction, without a newline (protocols/capture/capture-record.ts). */
export function serialisePrediction(prediction: QueuedPrediction): string {
  const { inferenceId, atMs, id, principal, inputs, outputs } = prediction;
  const head = `{"kind":"prediction","inferenceId":${JSON.stringify(inferenceId)},"atMs":${atMs}`;
  const model = `"model":${JSON.stringify(id.model)},"version":${id.version}`;
  const who = `"principal":${JSON.stringify(principal)}`;
  return `${head},${model},${who},"inputs":${serialiseAll(inputs)},"outputs":${serialiseAll(outputs)}}`;
}

export function serialiseLabel(label: LabelRecord): string {
  return JSON.stringify(label);
}

function serialiseAll(tensors: readonly Tensor[]): string {
  return `[${tensors.map(serialiseTensor).join(",")}]`;
}

function serialiseTensor(tensor: Tensor): string {
  const { name, datatype, shape } = tensor;
  return `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(",")}],"data":${serialiseData(tensor)}}`;
}

/** JSON has no NaN and no infinity: both are null, a missing value. -0 stays -0. */
function serialiseData({ datatype, data, hasNull }: Tensor): string {
  if (Array.isArray(data)) return serialiseTexts(data, hasNull === true);
  switch (datatype) {
    case "FP32":
      return serialiseFloat32(data as Float32Array);
    case "FP64":
      return `[${Array.from(data as Float64Array, formatFloat).join(",")}]`;
    case "FP16":
    case "BF16":
      return `[${Array.from(data as Uint16Array, (bits) => formatFloat(fromHalfBits(bits, datatype))).join(",")}]`;
    case "BOOL":
      return `[${Array.from(data as Uint8Array, (byte) => byte !== 0).join(",")}]`;
    case "INT64":
    case "UINT64":
      return `[${Array.from(data as BigInt64Array, formatBigint).join(",")}]`;
    default:
      return `[${joinIntegers(data as Int32Array)}]`;
  }
}

/** A missing text is "" to the graph; where some came as null, every "" is told as null. */
function serialiseTexts(texts: readonly string[], hasNull: boolean): string {
  if (!hasNull) return JSON.stringify(texts);
  return JSON.stringify(texts.map((text) => (text === "" ? null : text)));
}

function serialiseFloat32(data: Float32Array): string {
  for (const value of data) {
    if (!Number.isFinite(value)) return `[${Array.from(data, formatFloat32).join(",")}]`;
  }
  return `[${joinFloat32(data)}]`;
}

const single = new Float32Array(1);

function formatFloat32(value: number): string {
  single[0] = value;
  return Number.isFinite(value) ? joinFloat32(single) : "null";
}

function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return "null";
  return Object.is(value, -0) ? "-0" : `${value}`;
}

const TWO_53 = 2n ** 53n;

function formatBigint(value: bigint): string {
  return value <= TWO_53 && value >= -TWO_53 ? `${value}` : `"${value}"`;
}
