import type { CompileResult } from "./compile-spec.ts";

/** How far a graph's answers are from the trainer's. */
export interface ReplayOutcome {
  readonly replay: NonNullable<CompileResult["replay"]>;
  /** null: every row is within the tolerance. */
  readonly mismatch: string | null;
}

/** A row is named by its place, from 1, never by its values. */
const MAX_ROWS_NAMED = 5;

/**
 * Holds a graph's answers against those that the trainer gave for the same rows; NaN agrees with
 * nothing. REQUIRES: both of one length.
 */
export function compareAnswers(
  graph: Float64Array,
  trainer: Float64Array,
  tolerance: number,
): ReplayOutcome {
  const rows = trainer.length;
  const differing: number[] = [];
  let maxAbsDifference = 0;
  for (let i = 0; i < rows; i += 1) {
    const difference = Math.abs((graph[i] as number) - (trainer[i] as number));
    if (!(difference <= tolerance)) differing.push(i + 1);
    if (difference > maxAbsDifference) maxAbsDifference = difference;
  }
  return {
    replay: { rows, maxAbsDifference, tolerance },
    mismatch: explain(rows, differing, maxAbsDifference, tolerance),
  };
}

function explain(
  rows: number,
  differing: readonly number[],
  maxAbsDifference: number,
  tolerance: number,
): string | null {
  if (rows === 0) return "replay: the trainer left no sample rows to hold the graph against";
  if (differing.length === 0) return null;
  const named = differing.slice(0, MAX_ROWS_NAMED).join(", ");
  const more = differing.length > MAX_ROWS_NAMED ? ", …" : "";
  return `replay: ${differing.length} of ${rows} rows differ from the trainer's predictions by up to ${maxAbsDifference} where ${tolerance} is allowed (rows ${named}${more})`;
}

/**
 * For our trees in regression 0: their sums are exact in double (trees-model.ts). For a probability
 * 1/(1+exp(-score)) adds what two libraries' exp may differ by: 1 ulp each moves p by at most
 * p(1-p)·2^-51 <= 2^-53, and the addition and division on both sides round by at most 2^-51
 * together; below 2^-50. Measured over 180,000 rows: 2^-52.
 */
export const TREES_TOLERANCE = { binary: 2 ** -50, regression: 0 } as const;

/** Of the largest prediction: what float32 sums of a few hundred trees or a small network differ by. */
const FLOAT_RATIO = 1e-5;

/** For models that others trained: 1e-5 of a probability, or of the largest value in the sample. */
export function floatTolerance(task: "binary" | "regression", trainer: Float64Array): number {
  if (task === "binary") return FLOAT_RATIO;
  return FLOAT_RATIO * trainer.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}
