import { Metadata, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { toInferError } from "../../../protocols/core/status.ts";
import { REQUEST_ID_KEY } from "../../../protocols/oip-grpc/methods.ts";
import { epochNowMs } from "../../lib/epoch-clock.ts";
import { InFlight } from "../in-flight.ts";
import type { ServingContext } from "../serving-context.ts";
import { type CallGate, logFault } from "./call-gate.ts";
import { failedStatus } from "./failed-status.ts";
import type { GrpcMethod } from "./grpc-methods.ts";

export type UnaryCall = ServerUnaryCall<Buffer, Uint8Array>;
export type UnaryCallback = sendUnaryData<Uint8Array>;

/** gRPC's frame header, which grpc-js keeps before the message in the same memory. */
const FRAME_HEADER_BYTES = 5;

/** Takes each call from its whole message to its answer: every method goes through `run`. */
export class CallRunner {
  readonly #context: ServingContext;
  readonly #gate: CallGate;
  readonly #inFlight = new InFlight();

  constructor(context: ServingContext, gate: CallGate) {
    this.#context = context;
    this.#gate = gate;
  }

  /** Resolves when nothing is computed, for clients that have left neither. */
  whenIdle(): Promise<void> {
    return this.#inFlight.whenIdle();
  }

  /** Never rejects. grpc-js drops the answer to a call that was cancelled or whose deadline passed. */
  async run(method: GrpcMethod, call: UnaryCall, callback: UnaryCallback): Promise<void> {
    const { requestId, wantsRequestId, principal, waiter } = this.#gate.take(call.metadata);
    const { bytes } = this.#context.pipeline;
    const bodyBytes = call.request.byteLength;
    let reservedBytes = 0;
    this.#inFlight.enter();
    try {
      bytes.reserve(bodyBytes);
      reservedBytes = bodyBytes;
      const answer = await method.run(this.#context, {
        wire: ownBytes(call.request),
        principal,
        deadlineEpochMs: deadlineOf(call),
        waiter,
      });
      if (wantsRequestId) callback(null, answer, requestIdTrailer(requestId));
      else callback(null, answer);
    } catch (thrown) {
      const error = toInferError(thrown);
      logFault(this.#context.log, error, requestId, method.path);
      callback(failedStatus(error, requestId));
    } finally {
      bytes.release(reservedBytes);
      this.#inFlight.leave();
    }
  }
}

function requestIdTrailer(requestId: string): Metadata {
  const trailer = new Metadata();
  trailer.set(REQUEST_ID_KEY, requestId);
  return trailer;
}

function deadlineOf(call: UnaryCall): number | null {
  const deadline = Number(call.getDeadline());
  if (!Number.isFinite(deadline)) return null;
  // grpc-js counts on the wall clock, which may step; the engine's clock does not.
  return deadline - Date.now() + epochNowMs();
}

/**
 * The message in memory that is this request's alone: the engine takes tensors' memory over, and
 * small Buffers share a pool with strangers.
 */
function ownBytes(message: Buffer): Uint8Array {
  if (message.buffer.byteLength > message.byteLength + FRAME_HEADER_BYTES) {
    return new Uint8Array(message);
  }
  return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
}
