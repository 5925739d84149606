import type { Signature } from "../../protocols/core/signature.ts";
import type { Tensor, TensorData } from "../../protocols/core/tensor.ts";
import { stackInputs } from "./batch-former.ts";
import { randomFill, sampleInputs } from "./sample-inputs.ts";
import type { OnnxSession } from "./session-kind.ts";

const ROWS = 3;
/** Kernels differ between batch sizes in the last bits; a row that sees its neighbours by far more. */
const RELATIVE = 1e-3;
const ABSOLUTE = 1e-5;

/**
 * Whether rows may be stacked: every tensor has a free first dimension, and stacked random rows get
 * the answers that each got alone. A graph that mixes rows (a mean over the batch) fails here.
 */
export async function proveBatching(session: OnnxSession): Promise<boolean> {
  const { signature } = session;
  if (!hasFreeRows(signature)) return false;
  const outputs = signature.outputs.map((output) => output.name);
  const jobs = Array.from({ length: ROWS }, (_, i) => ({
    inputs: sampleInputs(signature, randomFill(i + 1)),
    outputs,
    shapeKey: "",
  }));
  try {
    const alone: Tensor[][] = [];
    for (const job of jobs) alone.push(await session.run(job.inputs, outputs));
    const stacked = await session.run(stackInputs(jobs), outputs);
    return stacked.every((output, i) =>
      rowsMatch(
        output,
        alone.map((row) => row[i] as Tensor),
      ),
    );
  } catch {
    // The graph does not take these samples: nothing is proved, so nothing is stacked.
    return false;
  }
}

function hasFreeRows(signature: Signature): boolean {
  const all = [...signature.inputs, ...signature.outputs];
  return signature.inputs.length > 0 && all.every((tensor) => tensor.shape[0] === -1);
}

function rowsMatch(stacked: Tensor, alone: readonly Tensor[]): boolean {
  if (stacked.shape[0] !== ROWS || alone.some((row) => row.shape[0] !== 1)) return false;
  const perRow = stacked.data.length / ROWS;
  return alone.every(
    (row, i) =>
      row.data.length === perRow &&
      isClose(stacked.data.slice(i * perRow, (i + 1) * perRow), row.data),
  );
}

/** Equal element by element; floats within tolerance, NaN equal to NaN. */
export function isClose(a: TensorData, b: TensorData): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (!isElementClose(a[i], b[i])) return false;
  }
  return true;
}

function isElementClose(x: unknown, y: unknown): boolean {
  if (Object.is(x, y) || x === y) return true;
  if (typeof x !== "number" || typeof y !== "number") return false;
  return Math.abs(x - y) <= ABSOLUTE + RELATIVE * Math.abs(y);
}
