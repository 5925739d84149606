import { fromHalfBits } from "../../protocols/core/half.ts";
import type { InferRequest, RequestedOutput } from "../../protocols/core/infer.ts";
import type { Signature } from "../../protocols/core/signature.ts";
import { InferError } from "../../protocols/core/status.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { joinFloat32 } from "../../protocols/oip-rest/write-numbers.ts";
import { topPlaces } from "./top-places.ts";

/** The parameter of a requested output (Triton's extension_classification.md). */
const CLASSIFICATION = "classification";
/** Each is a string of its own, made on the serving thread. */
const MOST_CLASSES = 10_000;

/**
 * The outputs of an answer, those that were asked for as classes in place of their values: BYTES
 * `value:index`, the greatest first, of equals the lower index. Shape [rows, n] for outputs of rank 2
 * and more, else [n]; n is at most the number of values of a row.
 * REQUIRES: assertClassifications let the request through.
 */
export function classifyOutputs(
  request: InferRequest,
  outputs: readonly Tensor[],
): readonly Tensor[] {
  if (request.outputs === null || !request.outputs.some(isClassified)) return outputs;
  const counts = new Map(request.outputs.map((each) => [each.name, classCountOf(each)]));
  return outputs.map((output) => {
    const count = counts.get(output.name) ?? null;
    return count === null ? output : classify(output, count);
  });
}

/** Before anything is computed. @throws InferError `invalid-argument` */
export function assertClassifications({ outputs }: InferRequest, signature: Signature): void {
  if (outputs === null) return;
  for (const output of outputs) {
    if (classCountOf(output) === null) continue;
    const known = signature.outputs.find(({ name }) => name === output.name);
    if (known?.datatype === "BYTES")
      throw invalid(output.name, "BYTES has no order to classify by");
  }
}

function isClassified({ parameters }: RequestedOutput): boolean {
  return parameters.size > 0 && parameters.has(CLASSIFICATION);
}

function classCountOf({ name, parameters }: RequestedOutput): number | null {
  if (parameters.size === 0) return null;
  const asked = parameters.get(CLASSIFICATION);
  if (asked === undefined) return null;
  const count = typeof asked === "bigint" ? Number(asked) : asked;
  if (Number.isInteger(count) && Number(count) > 0 && Number(count) <= MOST_CLASSES) {
    return Number(count);
  }
  throw invalid(
    name,
    `parameter '${CLASSIFICATION}' must be a whole number from 1 to ${MOST_CLASSES}, got ${String(asked).slice(0, 40)}`,
  );
}

function invalid(name: string, problem: string): InferError {
  return new InferError("invalid-argument", `output '${name.slice(0, 128)}': ${problem}`);
}

function classify(output: Tensor, count: number): Tensor {
  const { name, shape } = output;
  const rows = shape.length > 1 ? (shape[0] as number) : 1;
  const classes = rows === 0 ? 0 : output.data.length / rows;
  const kept = Math.min(count, classes);
  const data: string[] = [];
  for (let row = 0; row < rows; row++) {
    const from = row * classes;
    const top = topPlaces(classes, kept, (a, b) => compareAt(output, from + a, from + b));
    for (const at of top) data.push(`${textOf(output, from + at)}:${at}`);
  }
  return { name, datatype: "BYTES", shape: shape.length > 1 ? [rows, kept] : [kept], data };
}

/** The greatest first; NaN last; of equals the lower place. */
function compareAt(output: Tensor, a: number, b: number): number {
  const x = numberAt(output, a);
  const y = numberAt(output, b);
  if (x > y) return -1;
  if (x < y) return 1;
  return Number(isNotANumber(x)) - Number(isNotANumber(y)) || a - b;
}

function isNotANumber(value: number | bigint): boolean {
  return typeof value === "number" && Number.isNaN(value);
}

function numberAt({ datatype, data }: Tensor, at: number): number | bigint {
  const element = data[at] as number | bigint;
  if (datatype !== "FP16" && datatype !== "BF16") return element;
  return fromHalfBits(Number(element), datatype);
}

const single = new Float32Array(1);

function textOf(output: Tensor, at: number): string {
  const value = numberAt(output, at);
  if (output.datatype !== "FP32" || !Number.isFinite(value)) return `${value}`;
  single[0] = Number(value);
  return joinFloat32(single);
}
