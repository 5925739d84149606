import type {
  CapturedTensor,
  CaptureRecord,
  LabelRecord,
  PredictionRecord,
} from "../../protocols/capture/capture-record.ts";
import { isDatatype } from "../../protocols/core/datatype.ts";
import { isModelName } from "../../protocols/core/names.ts";

const MAX_ID_LENGTH = 256;
const TENSOR_NAME = /^[^\p{Cc}\p{Cs}]{1,256}$/u;

type Fields = Readonly<Record<string, unknown>>;

/** A captured line, every field of it looked at; null for what is no record. */
export function parseCaptureRecord(line: string): CaptureRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isFields(value)) return null;
  if (isPrediction(value)) return value;
  return isLabel(value) ? value : null;
}

function isPrediction(value: unknown): value is PredictionRecord {
  if (!isFields(value) || value["kind"] !== "prediction" || !hasCommonFields(value)) return false;
  const { version, inputs, outputs } = value;
  return (
    isCount(version) &&
    version > 0 &&
    Array.isArray(inputs) &&
    Array.isArray(outputs) &&
    inputs.every(isTensor) &&
    outputs.every(isTensor)
  );
}

function isLabel(value: unknown): value is LabelRecord {
  if (!isFields(value) || value["kind"] !== "label" || !hasCommonFields(value)) return false;
  return isCount(value["row"]) && ["number", "string", "boolean"].includes(typeof value["label"]);
}

function hasCommonFields({ model, inferenceId, atMs }: Fields): boolean {
  return (
    typeof model === "string" &&
    isModelName(model) &&
    typeof inferenceId === "string" &&
    inferenceId.length > 0 &&
    inferenceId.length <= MAX_ID_LENGTH &&
    isCount(atMs)
  );
}

/** With as many values as its shape says. */
function isTensor(value: unknown): value is CapturedTensor {
  if (!isFields(value)) return false;
  const { name, datatype, shape, data } = value;
  if (typeof name !== "string" || !TENSOR_NAME.test(name)) return false;
  if (typeof datatype !== "string" || !isDatatype(datatype)) return false;
  if (!Array.isArray(shape) || !shape.every(isCount) || !Array.isArray(data)) return false;
  return data.length === shape.reduce((product, size) => product * size, 1) && data.every(isValue);
}

function isValue(value: unknown): boolean {
  return value === null || ["number", "string", "boolean"].includes(typeof value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
