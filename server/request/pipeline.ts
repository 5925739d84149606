import type { InferCodec } from "../../protocols/core/codec.ts";
import type { ModelRef } from "../../protocols/core/infer.ts";
import type { Limits } from "../../protocols/core/limits.ts";
import { toInferError } from "../../protocols/core/status.ts";
import type { Principal } from "../access/principal.ts";
import type { ServingMap } from "../models/serving-map.ts";
import { admit, type QueueGauge } from "./admit.ts";
import type { ByteBudget } from "./byte-budget.ts";
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
  readonly errorCode: import("../../protocols/core/status.ts").StatusCode | null;
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
    const { recorder, gauge } = this.#parts;
    const startMs = performance.now();
    let slot = NO_SLOT;
    try {
      const request = call.codec.decode(call.wire, this.#parts.limits);
      const lease = this.#parts.serving().resolve(call.ref).acquire();
      try {
        const { servable } = lease;
        slot = servable.info.slot;
        const job = validate(servable.info, request, call.deadlineEpochMs);
        const ticket = admit(gauge, servable.info);
        try {
          const result = await servable.run(job);
          const out = call.codec.encode(
            {
              modelName: servable.info.id.model,
              modelVersion: String(servable.info.id.version),
              id: request.id,
              parameters: new Map(),
              outputs: result.outputs,
            },
            request,
          );
          recorder.record(slot, call.protocol, {
            errorCode: null,
            totalMs: performance.now() - startMs,
            queueMs: result.queueMs,
            computeMs: result.computeMs,
            batchRows: result.batchRows,
          });
          return out;
        } finally {
          ticket.release();
        }
      } finally {
        lease.release();
      }
    } catch (thrown) {
      const error = toInferError(thrown);
      recorder.record(slot, call.protocol, {
        errorCode: error.code,
        totalMs: performance.now() - startMs,
        queueMs: 0,
        computeMs: 0,
        batchRows: 0,
      });
      throw error;
    }
  }
}
