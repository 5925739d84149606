// Not the global of the same name, a getter that costs as much as the clock itself.
import { performance } from "node:perf_hooks";
import type { InferCodec } from "../../protocols/core/codec.ts";
import type { InferRequest, ModelRef } from "../../protocols/core/infer.ts";
import { INFERENCE_ID, readInferenceId } from "../../protocols/core/inference-id.ts";
import type { Limits } from "../../protocols/core/limits.ts";
import { DEFAULT_PRIORITY, readPriority, readTimeoutMs } from "../../protocols/core/schedule.ts";
import { type InferError, type StatusCode, toInferError } from "../../protocols/core/status.ts";
import type { Principal } from "../access/principal.ts";
import { epochNowMs } from "../lib/epoch-clock.ts";
import type { LeaseCounter } from "../models/lease.ts";
import type { Job, JobResult, Servable, ServableInfo } from "../models/servable.ts";
import type { ServingMap } from "../models/serving-map.ts";
import { admit, findFull, type QueueGauge } from "./admit.ts";
import type { ByteBudget } from "./byte-budget.ts";
import type { CaptureTap } from "./capture-tap.ts";
import { assertClassifications, classifyOutputs } from "./classify.ts";
import { type ColdLoads, decoded, readOrStart, startCold } from "./cold-start.ts";
import { InferenceIds } from "./inference-ids.ts";
import { validate } from "./validate.ts";
import { clientGone, type Waiter } from "./waiter.ts";

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
  /** Told how a successful call went, before its answer is; null: nobody asks. */
  readonly observer: OutcomeObserver | null;
  readonly waiter: Waiter;
  /** `takeQuota` has counted it. */
  readonly isQuotaTaken: boolean;
}

export interface OutcomeObserver {
  onSuccess(outcome: RequestOutcome): void;
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
  /** Of the request itself; 1 where the model takes no batches. 0 where it failed. */
  readonly rows: number;
  /** 0 where it failed. */
  readonly endEpochMs: number;
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
  /** null: nothing loads on request. */
  readonly coldLoads: ColdLoads | null;
  /** null: no key has a quota. */
  readonly quotas: QuotaGate | null;
}

/** What each key may ask of each model; implemented by access/quotas.ts. */
export interface QuotaGate {
  /** Has the key a quota? */
  isLimited(keyId: string): boolean;
  /** Takes one request out of the quota. @returns why it may not be asked now; null: it may */
  take(keyId: string, model: string): InferError | null;
}

/** Of this thread's clock; a getter too. */
const TIME_ORIGIN_MS = performance.timeOrigin;

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

  /**
   * resolve -> lease -> admit -> decode -> validate -> compute -> encode -> release. Decodes before it
   * yields, and only what there is room and time for: under overload most requests end before.
   * Rejects with InferError.
   */
  infer<In, Out>(call: InferCall<In, Out>): Promise<Out> {
    const startMs = performance.now();
    let counter: LeaseCounter;
    try {
      counter = this.#parts.serving().resolve(call.ref);
    } catch (thrown) {
      return this.#inferCold(call, startMs, thrown);
    }
    const { info } = counter.servable;
    const { quotas } = this.#parts;
    const refusal =
      this.#overloadOf(counter.servable, call.deadlineEpochMs) ??
      // Last: what the server has no room for takes nothing out of a quota.
      (quotas === null || call.isQuotaTaken ? null : quotas.take(call.principal.id, info.id.model));
    if (refusal === null) return this.#compute(call, startMs, counter);
    return Promise.reject(this.#recordFailure(info.slot, call.protocol, startMs, refusal));
  }

  /**
   * For a transport that knows model and deadline before it has read the rest: why the request need
   * not be read (no room, or no time), recorded; null: `infer` decides, and explains what else is wrong.
   */
  findOverload(
    ref: ModelRef,
    protocol: Protocol,
    deadlineEpochMs: number | null,
  ): InferError | null {
    const counter = this.#parts.serving().find(ref);
    if (counter === null) return null;
    const startMs = performance.now();
    const overload = this.#overloadOf(counter.servable, deadlineEpochMs);
    if (overload === null) return null;
    return this.#recordFailure(counter.servable.info.slot, protocol, startMs, overload);
  }

  /**
   * For a transport that knows key and model before it has read the rest: takes the request out of the
   * key's quota. @returns whether it did; if not, `infer` does, where there is a quota
   * @throws InferError `quota-exceeded`, recorded
   */
  takeQuota(keyId: string, ref: ModelRef, protocol: Protocol): boolean {
    const { quotas, coldLoads } = this.#parts;
    if (quotas === null || !quotas.isLimited(keyId)) return false;
    const serving = this.#parts.serving();
    const counter = serving.find(ref);
    // What is not there is explained by `infer`, and takes nothing out of a quota.
    if (counter === null && (coldLoads === null || serving.findOnRequest(ref) === null))
      return false;
    const startMs = performance.now();
    const refusal = quotas.take(keyId, ref.name);
    if (refusal === null) return true;
    const slot = counter === null ? NO_SLOT : counter.servable.info.slot;
    throw this.#recordFailure(slot, protocol, startMs, refusal);
  }

  /** What is not in memory may load on request. Decodes before it yields, as `infer` does. */
  async #inferCold<In, Out>(
    call: InferCall<In, Out>,
    startMs: number,
    missing: unknown,
  ): Promise<Out> {
    const { serving, coldLoads, limits, quotas } = this.#parts;
    const { principal, ref, protocol, waiter } = call;
    let counter: LeaseCounter;
    let ready: InferCall<In, Out>;
    try {
      const cold = serving().findOnRequest(ref);
      if (coldLoads === null || cold === null) throw missing;
      const isFree = quotas === null || call.isQuotaTaken;
      const refusal = isFree ? null : quotas.take(principal.id, ref.name);
      if (refusal !== null) throw refusal;
      if (waiter.isGone) throw clientGone();
      const { signature } = cold;
      const read = () => call.codec.decode(call.wire, limits, signature ?? undefined);
      const request = readOrStart(coldLoads, ref, cold, read);
      // Of its arrival: the parameter's time runs while the model loads.
      const deadlineEpochMs = deadlineOf(call.deadlineEpochMs, request);
      ready = { ...call, codec: decoded(request, call.codec), deadlineEpochMs };
      await startCold(coldLoads, serving, ref, deadlineEpochMs, waiter);
      if (waiter.isGone) throw clientGone();
      counter = serving().resolve(ref);
    } catch (thrown) {
      throw this.#recordFailure(NO_SLOT, protocol, startMs, thrown);
    }
    return this.#compute(ready, startMs, counter);
  }

  #overloadOf(servable: Servable, deadlineEpochMs: number | null): InferError | null {
    return findFull(this.#parts.gauge, servable) ?? overloadOf(servable, deadlineEpochMs);
  }

  /** One asynchronous function, because each costs a promise and a turn of the microtask queue. */
  async #compute<In, Out>(
    call: InferCall<In, Out>,
    startMs: number,
    counter: LeaseCounter,
  ): Promise<Out> {
    const { gauge, capture } = this.#parts;
    const { servable } = counter;
    const { info } = servable;
    const lease = counter.acquire();
    let isAdmitted = false;
    try {
      admit(gauge, servable);
      isAdmitted = true;
      if (call.waiter.isGone) throw clientGone();
      const request = call.codec.decode(call.wire, this.#parts.limits, info.signature);
      const inferenceId = readInferenceId(request.parameters) ?? this.#ids.mint();
      const job = toJob(info, request, call.deadlineEpochMs);
      const captured = capture?.takeInputs(info, inferenceId, job.inputs) ?? null;
      assertClassifications(request, info.signature);
      const running = servable.run(job);
      call.waiter.await(servable, job);
      const result = await running;
      if (call.waiter.isGone) throw clientGone();
      const out = this.#encode(call, request, info, inferenceId, result);
      const outcome = this.#recordSuccess(info.slot, call, startMs, rowsOf(info, job), result);
      counter.slowest.offer(outcome, inferenceId);
      if (captured !== null) {
        const { outputs } = result;
        const principal = call.principal.name;
        capture?.put({ inferenceId, id: info.id, principal, inputs: captured, outputs });
      }
      return out;
    } catch (thrown) {
      // Recorded before the release below: a released version's counters may be cleared at once.
      throw this.#recordFailure(info.slot, call.protocol, startMs, thrown);
    } finally {
      call.waiter.settle();
      if (isAdmitted) gauge.leave(info.slot);
      lease.release();
    }
  }

  #encode<In, Out>(
    { codec }: InferCall<In, Out>,
    request: InferRequest,
    info: ServableInfo,
    inferenceId: string,
    { outputs }: JobResult,
  ): Out {
    const parameters = new Map<string, string>();
    parameters.set(INFERENCE_ID, inferenceId);
    const { model, version } = info.id;
    const response = {
      modelName: model,
      modelVersion: String(version),
      id: request.id,
      parameters,
      outputs: classifyOutputs(request, outputs),
    };
    return codec.encode(response, request);
  }

  #recordSuccess(
    slot: number,
    { protocol, observer }: Pick<InferCall<unknown, unknown>, "protocol" | "observer">,
    startMs: number,
    rows: number,
    { queueMs, computeMs, batchRows }: JobResult,
  ): RequestOutcome {
    const endMs = performance.now();
    const totalMs = endMs - startMs;
    const endEpochMs = TIME_ORIGIN_MS + endMs;
    const outcome = { errorCode: null, totalMs, queueMs, computeMs, batchRows, rows, endEpochMs };
    this.#parts.recorder.record(slot, protocol, outcome);
    if (observer !== null) observer.onSuccess(outcome);
    return outcome;
  }

  #recordFailure(slot: number, protocol: Protocol, startMs: number, thrown: unknown): InferError {
    const error = toInferError(thrown);
    this.#parts.recorder.record(slot, protocol, {
      errorCode: error.code,
      totalMs: performance.now() - startMs,
      queueMs: 0,
      computeMs: 0,
      batchRows: 0,
      rows: 0,
      endEpochMs: 0,
    });
    return error;
  }
}

/** Rows are stacked along dimension 0 of every input. */
function rowsOf({ batching }: ServableInfo, { inputs }: Job): number {
  return batching === null ? 1 : (inputs[0]?.shape[0] ?? 1);
}

/** @throws InferError `invalid-argument` */
function toJob(info: ServableInfo, request: InferRequest, deadlineEpochMs: number | null): Job {
  const { parameters } = request;
  // As nearly every request is.
  if (parameters.size === 0) return validate(info, request, deadlineEpochMs, DEFAULT_PRIORITY);
  const deadline = deadlineOf(deadlineEpochMs, request);
  return validate(info, request, deadline, readPriority(parameters));
}

/** Never later than the deadline that is known already. @throws InferError `invalid-argument` */
function deadlineOf(deadlineEpochMs: number | null, { parameters }: InferRequest): number | null {
  const timeoutMs = readTimeoutMs(parameters);
  if (timeoutMs === null) return deadlineEpochMs;
  const epochMs = epochNowMs() + timeoutMs;
  return deadlineEpochMs === null ? epochMs : Math.min(deadlineEpochMs, epochMs);
}

/** What goes wrong while it is judged is the request's end too: recorded, and told as any failure. */
function overloadOf(servable: Servable, deadlineEpochMs: number | null): InferError | null {
  try {
    return servable.findOverload(deadlineEpochMs);
  } catch (thrown) {
    return toInferError(thrown);
  }
}
