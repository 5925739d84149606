import type { CapturedTensor, PredictionRecord } from "../../protocols/capture/capture-record.ts";

/** null is a missing value. */
export type CollectedColumn =
  | { readonly kind: "number"; readonly name: string; readonly values: readonly (number | null)[] }
  | { readonly kind: "text"; readonly name: string; readonly values: readonly (string | null)[] };

/** What one prediction says, by rows. */
export interface CollectedRows {
  readonly rows: number;
  readonly inputs: readonly CollectedColumn[];
  /** One a row; null where no output is a prediction. */
  readonly prediction: readonly (number | null)[] | null;
  /** Inputs that have not one value a row. */
  readonly skipped: readonly string[];
}

const PROBABILITY = new Set(["probability", "probabilities"]);

/**
 * Takes a prediction apart by rows. The rows are the first dimension of its outputs, or without any of
 * its inputs. An input of shape [n] or [n, 1] is a column. The prediction is the output `probability`
 * or `probabilities`, of two classes that of class 1; else the first output of numbers with one a row.
 */
export function collectRows({ inputs, outputs }: PredictionRecord): CollectedRows {
  const first = outputs[0] ?? inputs[0];
  // A shape of [n, 0] costs nothing to claim any n.
  const rows = first === undefined || first.data.length === 0 ? 0 : (first.shape[0] ?? 0);
  const hasOneARow = (tensor: CapturedTensor) => isOneARow(tensor, rows);
  return {
    rows,
    inputs: inputs.filter(hasOneARow).map(columnOf),
    prediction: predictionOf(outputs, rows),
    skipped: inputs.filter((tensor) => !hasOneARow(tensor)).map(({ name }) => name),
  };
}

function isOneARow({ shape }: CapturedTensor, rows: number): boolean {
  if (shape[0] !== rows) return false;
  return shape.length === 1 || (shape.length === 2 && shape[1] === 1);
}

function columnOf({ name, datatype, data }: CapturedTensor): CollectedColumn {
  if (datatype !== "BYTES") return { kind: "number", name, values: data.map(toNumber) };
  return { kind: "text", name, values: data.map((value) => (value === null ? null : `${value}`)) };
}

function predictionOf(
  outputs: readonly CapturedTensor[],
  rows: number,
): readonly (number | null)[] | null {
  const numbers = outputs.filter(({ datatype }) => datatype !== "BYTES" && datatype !== "BOOL");
  for (const { name, shape, data } of numbers) {
    if (!PROBABILITY.has(name)) continue;
    if (shape.length !== 2 || shape[0] !== rows || shape[1] !== 2) continue;
    return data.filter((_, index) => index % 2 === 1).map(toNumber);
  }
  const oneARow = numbers.filter((tensor) => isOneARow(tensor, rows));
  const chosen = oneARow.find(({ name }) => PROBABILITY.has(name)) ?? oneARow[0];
  return chosen === undefined ? null : chosen.data.map(toNumber);
}

/** Large integers come as text; beyond 2^53 the nearest double. */
function toNumber(value: number | string | boolean | null): number | null {
  if (value === null || value === "") return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}
