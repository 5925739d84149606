import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import type { Column, Table } from "../datasets/column.ts";
import type { ModelConfig } from "../project/project.ts";
import type { Feature } from "../train/train-spec.ts";
import { findPredictionOutput, type PredictionOutput } from "./prediction-output.ts";
import { readSignature } from "./read-signature.ts";

/**
 * The only file of the pipelines that knows onnxruntime-node. Its create() and run() are synchronous
 * native calls: they block the thread, which a job's process has for itself.
 */

/** A graph from raw columns to one number a row. Closed by whoever opened it. */
export interface OnnxModel {
  /**
   * The probability of the positive class, or the value, of every row. A missing number goes in as
   * NaN, a missing text as "". Rejects with the runtime's own message, and when an answer has
   * another number of rows.
   */
  run(table: Table, features: readonly Feature[]): Promise<Float64Array>;
  close(): Promise<void>;
}

const BATCH_ROWS = 4096;
const LOG_FATAL_ONLY = 4;

/**
 * @param path absolute, in a folder of its own: external data would be resolved beside it
 * @throws Error of the runtime; JobError when no output is the prediction of such a task
 */
export async function openOnnx(path: string, task: ModelConfig["task"]): Promise<OnnxModel> {
  const output = findPredictionOutput(await readSignature(path), task);
  const session = await InferenceSession.create(path, {
    // One thread: sums of trees keep their order, so that the same row gets the same last bit.
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: LOG_FATAL_ONLY,
    executionProviders: ["cpu"],
  });
  return {
    async run(table, features) {
      const predictions = new Float64Array(table.rows);
      for (let start = 0; start < table.rows; start += BATCH_ROWS) {
        const end = Math.min(start + BATCH_ROWS, table.rows);
        const answer = await session.run(feedsOf(table, features, start, end), [output.name]);
        copyOut(answer[output.name] as OrtTensor, output, predictions.subarray(start, end));
      }
      return predictions;
    },
    close: () => session.release(),
  };
}

function feedsOf(
  table: Table,
  features: readonly Feature[],
  start: number,
  end: number,
): Record<string, OrtTensor> {
  const feeds: Record<string, OrtTensor> = {};
  for (const { name, kind } of features) {
    const column = table.columns.get(name);
    if (column?.kind !== kind) throw new Error(`the table has no ${kind} column '${name}'`);
    feeds[name] = toTensor(column, start, end);
  }
  return feeds;
}

function toTensor(column: Column, start: number, end: number): OrtTensor {
  const dims = [end - start, 1];
  if (column.kind === "number") {
    return new OrtTensor("float32", Float32Array.from(column.values.subarray(start, end)), dims);
  }
  const texts = column.values.slice(start, end).map((text) => text ?? "");
  return new OrtTensor("string", texts, dims);
}

function copyOut(tensor: OrtTensor, output: PredictionOutput, into: Float64Array): void {
  const { data } = tensor;
  const isFloat = data instanceof Float64Array || data instanceof Float32Array;
  if (!isFloat || data.length !== into.length * output.width) {
    throw new Error(
      `output '${output.name}': expected ${into.length} rows of ${output.width}, got ${tensor.type} of shape [${tensor.dims.join(",")}]`,
    );
  }
  for (let i = 0; i < into.length; i += 1) {
    into[i] = data[i * output.width + output.column] as number;
  }
}
