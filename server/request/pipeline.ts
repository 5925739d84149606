import type { InferCodec } from "../../protocols/core/codec.ts";
import type { InferRequest, ModelRef } from "../../protocols/core/infer.ts";
import { INFERENCE_ID, readInferenceId } from "../../protocols/core/inference-id.ts";
import type { Limits } from "../../protocols/core/limits.ts";
import { type InferError, type StatusCode, toInferError } from "../../protocols/core/status.ts";
import type { Principal } from "../access/principal.ts";
import type { Lease } from "../models/lease.ts";
import type { Servable } from "../models/servable.ts";
import type { ServingMap } from "../models/serving-map.ts";
import { admit, type QueueGauge } from "./admit.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { CaptureTap } from "./capture-tap.ts";
import { InferenceIds } from "./inference-ids.ts";
import { validate } from "./validate.ts";

export type Protocol = "http" | "grpc" | "websocket";

/** One inference, after authentication and authorisation. */
export interface InferCall<In, Out> {
  readonly principal: Principal;
  readonly ref: ModelRef;
  readonly wire: In;
  readonly codec: InferCodec<In, Out>;
  readonly protocol: Protocol;
  /** Absolute, epoch milliseconds; null for none. */
  readonly deadlineEpochMs: number | null;
}

/** Where the pipeline reports each finished request; implemented over shared counters. */
export interface RequestRecorder {
  record(slot: number, protocol: Protocol, outcome: RequestOutcome): void;
}

export interface RequestOutcome {
  /** null: success. */
  readonly errorCode: StatusCode | null;
  readonly totalMs: number;
  readonly queueMs: number;
  readonly computeMs: number;
  readonly batchRows: number;
}

export interface PipelineParts {
  /** The map that serves now; replaced by publications between turns of the event loop. */
  readonly serving: () => ServingMap;
  readonly gauge: QueueGauge;
  readonly bytes: ByteBudget;
  readonly recorder: RequestRecorder;
  readonly limits: Limits;
  /** null: nothing is captured. */
  readonly capture: CaptureTap | null;
}

/** The counter row of requests that reached no servable. */
const NO_SLOT = 0;

/**
 * The one way from bytes to an answer, under every transport (design: authenticate, authorise and
 * reserve come before, in the transport, because they must precede reading the body).
 * One instance a serving thread.
 */
export class Pipeline {
  readonly #parts: PipelineParts;
  readonly #ids = new InferenceIds();

  constructor(parts: PipelineParts) {
    this.#parts = parts;
  }

  get limits(): Limits {
    return this.#parts.limits;
  }

  get bytes(): ByteBudget {
    return this.#parts.bytes;
  }

  get serving(): ServingMap {
    return this.#parts.serving();
  }

  /** decode -> resolve and lease -> validate -> admit -> compute -> encode -> release. @throws InferError */
  async infer<In, Out>(call: InferCall<In, Out>): Promise<Out> {
    const startMs = performance.now();
    let request: InferRequest;
    let inferenceId: string;
    let lease: Lease;
    try {
      request = call.codec.decode(call.wire, this.#parts.limits);
      inferenceId = readInferenceId(request.parameters) ?? this.#ids.mint();
      lease = this.#parts.serving().resolve(call.ref).acquire();
    } catch (thrown) {
      throw this.#recordFailure(NO_SLOT, call, startMs, thrown);
    }
    try {
      return await this.#compute(call, lease.servable, request, inferenceId, startMs);
    } catch (thrown) {
      // Recorded before the release below: a released version's counters may be cleared at once.
      throw this.#recordFailure(lease.servable.info.slot, call, startMs, thrown);
    } finally {
      lease.release();
    }
  }

  async #compute<In, Out>(
    call: InferCall<In, Out>,
    servable: Servable,
    request: InferRequest,
    inferenceId: string,
    startMs: number,
  ): Promise<Out> {
    const { info } = servable;
    const { capture } = this.#parts;
    const job = validate(info, request, call.deadlineEpochMs);
    const ticket = admit(this.#parts.gauge, info);
    try {
      const captured = capture?.takeInputs(info, inferenceId, job.inputs) ?? null;
      const { outputs, queueMs, computeMs, batchRows } = await servable.run(job);
      const out = call.codec.encode(
        {
          modelName: info.id.model,
          modelVersion: String(info.id.version),
          id: request.id,
          parameters: new Map([[INFERENCE_ID, inferenceId]]),
          outputs,
        },
        request,
      );
      const totalMs = performance.now() - startMs;
      const outcome = { errorCode: null, totalMs, queueMs, computeMs, batchRows };
      this.#parts.recorder.record(info.slot, call.protocol, outcome);
      if (captured !== null) {
        const principal = call.principal.name;
        capture?.put({ inferenceId, id: info.id, principal, inputs: captured, outputs });
      }
      return out;
    } finally {
      ticket.release();
    }
  }

  #recordFailure<In, Out>(
    slot: number,
    call: InferCall<In, Out>,
    startMs: number,
    thrown: unknown,
  ): InferError {
    const error = toInferError(thrown);
    this.#parts.recorder.record(slot, call.protocol, {
      errorCode: error.code,
      totalMs: performance.now() - startMs,
      queueMs: 0,
      computeMs: 0,
      batchRows: 0,
    });
    return error;
  }
}
