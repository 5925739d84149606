import { NO_PARAMETERS } from "../../protocols/core/infer.ts";
import type { TensorSignature } from "../../protocols/core/signature.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { encodeRestRequest, plainRequest } from "../../protocols/oip-rest/client-codec.ts";
import { oipRestCodec } from "../../protocols/oip-rest/infer-codec.ts";
import type { Column, Table } from "../datasets/column.ts";
import type { Feature } from "../train/train-spec.ts";
import type { PredictionOutput } from "./prediction-output.ts";

/** Single rows, before the one request that holds several. */
const SINGLE_ROWS = 4;
const TOGETHER_ROWS = 8;

export interface GoldenSource {
  readonly model: string;
  readonly features: readonly Feature[];
  readonly output: PredictionOutput;
  readonly datatype: TensorSignature["datatype"];
  readonly rank: number;
  readonly table: Table;
  /** The trainer's answers. */
  readonly predictions: Float64Array;
}

/**
 * A golden file (protocols/oip-rest/golden-file.ts) of a few single rows, chosen for missing
 * values and far answers, and one request of several rows. Rows with an infinite number are left out:
 * JSON has none. null when no row is left.
 */
export function goldenRequests(source: GoldenSource): string | null {
  const usable = jsonRows(source);
  if (usable.length === 0) return null;
  const requests = [...pickSingles(source, usable).map((row) => [row])];
  if (usable.length > 1) requests.push(usable.slice(0, TOGETHER_ROWS));
  return requests.map((rows) => pairOf(source, rows)).join("");
}

function jsonRows({ table, features, predictions }: GoldenSource): number[] {
  const numbers = features.flatMap(({ name }) => {
    const column = columnOf(table, name);
    return column.kind === "number" ? [column.values] : [];
  });
  const rows: number[] = [];
  for (let row = 0; row < table.rows; row += 1) {
    const isInfinite = numbers.some(
      (values) => Math.abs(Math.fround(values[row] ?? 0)) === Number.POSITIVE_INFINITY,
    );
    if (!isInfinite && Number.isFinite(predictions[row])) rows.push(row);
  }
  return rows;
}

/** The lowest and the highest answer, and a row with a missing value, before the others. */
function pickSingles({ table, features, predictions }: GoldenSource, usable: readonly number[]) {
  const columns = features.map(({ name }) => columnOf(table, name));
  const byAnswer = [...usable].sort(
    (a, b) => (predictions[a] as number) - (predictions[b] as number),
  );
  const missing = usable.find((row) => columns.some((column) => isMissing(column, row)));
  const order = [byAnswer[0], byAnswer.at(-1), missing, ...usable];
  return [...new Set(order)].filter((row) => row !== undefined).slice(0, SINGLE_ROWS);
}

function isMissing(column: Column, row: number): boolean {
  if (column.kind === "text") return (column.values[row] ?? "") === "";
  return Number.isNaN(column.values[row]);
}

function pairOf(source: GoldenSource, rows: readonly number[]): string {
  const { features, table, model } = source;
  const inputs = features.map(({ name }) => inputTensor(name, columnOf(table, name), rows));
  const outputs = [outputTensor(source, rows)];
  const request = { inputs, outputs: [source.output.name], id: null };
  const { body } = encodeRestRequest(request, { binary: false });
  const response = {
    modelName: model,
    // Not known before it is published, and never compared.
    modelVersion: "0",
    id: null,
    parameters: NO_PARAMETERS,
    outputs,
  };
  const answer = oipRestCodec.encode(response, plainRequest(request));
  const text = new TextDecoder();
  return `${text.decode(body)}\n${text.decode(Buffer.concat(answer.parts))}\n`;
}

function inputTensor(name: string, column: Column, rows: readonly number[]): Tensor {
  const shape = [rows.length, 1];
  if (column.kind === "text") {
    return { name, datatype: "BYTES", shape, data: rows.map((row) => column.values[row] ?? "") };
  }
  const data = Float32Array.from(rows, (row) => column.values[row] as number);
  const plain: Tensor = { name, datatype: "FP32", shape, data };
  return data.some(Number.isNaN) ? { ...plain, hasNull: true } : plain;
}

function outputTensor(source: GoldenSource, rows: readonly number[]): Tensor {
  const { output, datatype, predictions } = source;
  const answers = rows.flatMap((row) => {
    const p = predictions[row] as number;
    return output.width === 1 ? [p] : [1 - p, p];
  });
  const shape = source.rank === 1 ? [rows.length] : [rows.length, output.width];
  const data = datatype === "FP64" ? Float64Array.from(answers) : Float32Array.from(answers);
  return { name: output.name, datatype, shape, data };
}

function columnOf(table: Table, name: string): Column {
  const column = table.columns.get(name);
  if (column === undefined) throw new Error(`the table has no column '${name}'`);
  return column;
}
