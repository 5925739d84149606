import { InferError } from "../core/status.ts";

/** What a client sees of an answer that it cannot read: the server is to blame, not the request. */
export function malformedAnswer(thrown: unknown): InferError {
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new InferError("internal", `the server's answer is malformed: ${why}`, { cause: thrown });
}
