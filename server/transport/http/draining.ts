import { InferError } from "../../../protocols/core/status.ts";

/** The answer to work that comes while the server shuts down. */
export function draining(): InferError {
  return new InferError("draining", "the server is shutting down", { retryAfterMs: 1000 });
}
