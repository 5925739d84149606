import type { Signature, TensorSignature } from "../../protocols/core/signature.ts";
import { JobError } from "../jobs/job-error.ts";
import type { ModelConfig } from "../project/project.ts";

/** Where in a graph's answer the prediction stands. */
export interface PredictionOutput {
  readonly name: string;
  /** Numbers a row. */
  readonly width: number;
  /** Which of them. */
  readonly column: number;
}

/** What our own graphs call it. */
export const OUTPUT_NAMES = { binary: "probability", regression: "value" } as const;

/**
 * The output of our own name, else the only one that can be it: floating point, one number a row, or
 * for binary two, of which the second is the positive class (as converters of scikit-learn write).
 * @throws JobError when none or several could be meant
 */
export function findPredictionOutput(
  signature: Signature,
  task: ModelConfig["task"],
): PredictionOutput {
  const able = signature.outputs.flatMap((output) => {
    const width = widthOf(output, task);
    return width === null ? [] : [{ name: output.name, width, column: width - 1 }];
  });
  const ours = able.find((output) => output.name === OUTPUT_NAMES[task]);
  const found = ours ?? (able.length === 1 ? able[0] : undefined);
  if (found !== undefined) return found;
  const shapes = signature.outputs.map((o) => `${o.name} ${o.datatype}[${o.shape.join(",")}]`);
  const pair = task === "binary" ? " or [-1,2]" : "";
  throw new JobError(
    `expected an output '${OUTPUT_NAMES[task]}', or a single floating-point one of shape [-1], [-1,1]${pair}; got ${shapes.join(", ")}`,
  );
}

function widthOf({ datatype, shape }: TensorSignature, task: ModelConfig["task"]): number | null {
  if (datatype !== "FP32" && datatype !== "FP64") return null;
  if (shape[0] !== -1 || shape.length > 2) return null;
  const width = shape[1] ?? 1;
  return width === 1 || (width === 2 && task === "binary") ? width : null;
}
