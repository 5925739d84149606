import type { Parameters } from "./infer.ts";
import { InferError } from "./status.ts";

/**
 * The id that names one prediction: a response parameter, and a request parameter for callers that
 * have an event id of their own (as SageMaker's InferenceId). Labels and capture records carry it.
 */
export const INFERENCE_ID = "inference_id";
/** The same id as an HTTP response header. */
export const INFERENCE_ID_HEADER = "sluice-inference-id";

const ID = /^[A-Za-z0-9._:-]{1,128}$/;
/** For messages. */
export const INFERENCE_ID_RULE = "1-128 of A-Z a-z 0-9 . _ : -";

export function isInferenceId(value: unknown): value is string {
  return typeof value === "string" && ID.test(value);
}

/** The id in an answer's parameters; null where there is none. */
export function inferenceIdOf(parameters: Parameters): string | null {
  const id = parameters.get(INFERENCE_ID);
  return typeof id === "string" ? id : null;
}

/**
 * The id that a request brings; null where it brings none.
 * @throws InferError `invalid-argument` for one that is none
 */
export function readInferenceId(parameters: Parameters): string | null {
  const id = parameters.get(INFERENCE_ID);
  if (id === undefined) return null;
  if (typeof id === "string" && ID.test(id)) return id;
  const came = typeof id === "string" ? JSON.stringify(id.slice(0, 140)) : `a ${typeof id}`;
  throw new InferError(
    "invalid-argument",
    `parameter '${INFERENCE_ID}' must be ${INFERENCE_ID_RULE}, got ${came}`,
  );
}
