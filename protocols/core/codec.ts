import type { InferRequest, InferResponse } from "./infer.ts";
import type { Limits } from "./limits.ts";
import type { Signature } from "./signature.ts";
import { InferError } from "./status.ts";

/** `unsupported`: the wire form leaves to the model what a tensor is, and no signature was given. */
export class NeedsSignature extends InferError {
  constructor(message: string) {
    super("unsupported", message);
  }
}

/**
 * Bytes to request, response to bytes. Pure: no sockets, clocks or I/O; safe on any thread.
 * `In` is what a transport hands over, `Out` what it sends.
 */
export interface InferCodec<In, Out> {
  /**
   * @param signature of the model that is asked, for wire forms that leave to it what a tensor is
   * @throws InferError only, NeedsSignature where a signature would tell; any bytes at all yield a request or an InferError.
   */
  decode(wire: In, limits: Limits, signature?: Signature): InferRequest;
  /** @throws InferError `not-representable` when the wire form cannot carry a value. */
  encode(response: InferResponse, request: InferRequest): Out;
}
