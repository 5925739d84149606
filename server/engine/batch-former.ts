import type { NumericData } from "../../protocols/core/datatype.ts";
import { DEFAULT_PRIORITY } from "../../protocols/core/schedule.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import type { BatchClose } from "../models/loader.ts";
import type { Batching } from "../models/servable.ts";

/** What batching needs to know of a job. */
export interface Batchable {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
  readonly shapeKey: string;
}

/** Who waited so long is due, whatever its deadline: the young must not pass the old for ever. */
const AGEING_MS = 250;
/**
 * What a level of priority is worth in waiting: more urgent ones pass those that came up to so much
 * before them, and nobody who waited longer. So no level starves, and no load is too much for the first.
 */
const PRIORITY_MS = 2000;

/**
 * When a job should run, epoch milliseconds: its deadline, or its arrival and AGEING_MS, whichever is
 * earlier; so much earlier or later for its priority. The same rule as the native queue's
 * (native/src/job_queue.h).
 */
export function dueEpochMsOf(
  submittedEpochMs: number,
  deadlineEpochMs: number | null,
  priority: number,
): number {
  const agedMs = submittedEpochMs + AGEING_MS;
  const dueMs = deadlineEpochMs === null ? agedMs : Math.min(deadlineEpochMs, agedMs);
  return dueMs + (priority - DEFAULT_PRIORITY) * PRIORITY_MS;
}

/** Puts a job behind those that are due no later. */
export function insertByDue<T extends { readonly dueEpochMs: number }>(queue: T[], job: T): void {
  let at = queue.length;
  while (at > 0 && (queue[at - 1] as T).dueEpochMs > job.dueEpochMs) at -= 1;
  queue.splice(at, 0, job);
}

/**
 * Takes the next batch out of a queue (those due first first): the first job and every later one of the same
 * shape beyond dimension 0, while the rows fit. What does not fit stays, in order.
 */
export function takeBatch<T extends Batchable>(pending: T[], batching: Batching | null): T[] {
  const first = pending.shift();
  if (first === undefined) return [];
  const batch = [first];
  const firstRows = batching === null ? null : rowsOf(first);
  if (batching === null || firstRows === null) return batch;
  let rows = firstRows;
  for (let i = 0; i < pending.length && rows < batching.maxRows; ) {
    const job = pending[i] as T;
    const jobRows = rowsOf(job);
    if (jobRows === null || rows + jobRows > batching.maxRows || job.shapeKey !== first.shapeKey) {
      i += 1;
      continue;
    }
    rows += jobRows;
    batch.push(job);
    pending.splice(i, 1);
  }
  return batch;
}

/** Why a batch took no more. @param left what still waits, after takeBatch */
export function closeOf(
  batch: readonly Batchable[],
  left: readonly Batchable[],
  batching: Batching | null,
): BatchClose {
  const first = batch[0];
  if (batching === null || first === undefined || rowsOf(first) === null) return "not-batchable";
  if (left.some((job) => job.shapeKey === first.shapeKey && rowsOf(job) !== null)) {
    return "rows-full";
  }
  if (left.length > 0) return "shape";
  return batch.length === 1 ? "alone" : "all-waiting";
}

/** Rows of a job, or null when its inputs do not agree on one or it has none. */
export function rowsOf(job: Batchable): number | null {
  const rows = job.inputs[0]?.shape[0] ?? 0;
  return rows > 0 && job.inputs.every((input) => input.shape[0] === rows) ? rows : null;
}

/** Equal for jobs that may be stacked: shapes beyond dimension 0, and outputs. Work it out once a job. */
export function shapeKeyOf(job: {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly string[];
}): string {
  let key = "";
  for (const input of job.inputs) key += `${input.shape.slice(1).join(",")};`;
  for (const output of job.outputs) key += `|${output}`;
  return key;
}

/** Stacks the inputs of several jobs along dimension 0. REQUIRES: jobs of one batch (takeBatch). */
export function stackInputs(jobs: readonly Batchable[]): Tensor[] {
  const first = jobs[0] as Batchable;
  return first.inputs.map((input, i) => {
    const parts = jobs.map((job) => job.inputs[i] as Tensor);
    const rows = parts.reduce((sum, part) => sum + (part.shape[0] as number), 0);
    return { ...input, shape: [rows, ...input.shape.slice(1)], data: concat(parts) };
  });
}

function concat(parts: readonly Tensor[]): Tensor["data"] {
  const first = (parts[0] as Tensor).data;
  if (Array.isArray(first)) return parts.flatMap((part) => part.data as string[]);
  const length = parts.reduce((sum, part) => sum + part.data.length, 0);
  const joined = new (first.constructor as new (n: number) => NumericData)(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part.data as never, at);
    at += part.data.length;
  }
  return joined;
}

/**
 * Gives each job its rows of the stacked outputs, as copies; null when an output does not have one
 * row per input row.
 */
export function splitOutputs(
  outputs: readonly Tensor[],
  jobs: readonly Batchable[],
): Tensor[][] | null {
  const rows = jobs.map((job) => rowsOf(job) as number);
  const total = rows.reduce((sum, n) => sum + n, 0);
  const answers: Tensor[][] = jobs.map(() => []);
  for (const output of outputs) {
    if (output.shape[0] !== total) return null;
    const perRow = output.data.length / total;
    let at = 0;
    for (const [i, count] of rows.entries()) {
      const data = output.data.slice(at, at + count * perRow);
      at += count * perRow;
      answers[i]?.push({ ...output, shape: [count, ...output.shape.slice(1)], data });
    }
  }
  return answers;
}
