import type { InferCodec } from "../../../protocols/core/codec.ts";
import type { ModelRef } from "../../../protocols/core/infer.ts";
import { INFERENCE_ID_HEADER } from "../../../protocols/core/inference-id.ts";
import { InferError } from "../../../protocols/core/status.ts";
import type { RestAnswer, RestWire } from "../../../protocols/oip-rest/infer-codec.ts";
import { makeInputArray } from "../../../protocols/oip-rest/input-array.ts";
import type { Principal } from "../../access/principal.ts";
import { epochNowMs } from "../../lib/epoch-clock.ts";
import type { OutcomeObserver, Pipeline, RequestOutcome } from "../../request/pipeline.ts";
import { Waiter } from "../../request/waiter.ts";
import { BodyBuffer } from "./body-buffer.ts";
import type { BodyReceiver } from "./body-read.ts";
import type { HttpExchange } from "./http-exchange.ts";
import { byteLengthOf } from "./join-parts.ts";
import { formatServerTiming, WANT_SERVER_TIMING, wantsServerTiming } from "./server-timing.ts";

/** What an inference needs of the handler that admitted it. */
export interface InferenceHost {
  readonly pipeline: Pipeline;
  readonly maxBodyBytes: number;
  readonly codec: InferCodec<RestWire, RestAnswer>;
  /** Reads the body, within bodyTimeoutMs. Synchronous up to the exchange's `readBody`. */
  read(exchange: HttpExchange, body: BodyBuffer, receiver: BodyReceiver): void;
  /**
   * As HttpExchange.respond, closing the connection where the listener closes. A failure to send is
   * logged: it neither throws nor rejects.
   */
  succeed(
    exchange: HttpExchange,
    requestId: string,
    headers: readonly string[],
    parts: readonly Uint8Array[],
  ): Promise<void> | null;
  /** Answers with an error. As `succeed`. */
  refuse(exchange: HttpExchange, requestId: string, thrown: unknown): Promise<void> | null;
  /** The request is over. */
  leave(): void;
}

/** Who asks for what, after the head was judged. */
export interface InferenceOrder {
  readonly ref: ModelRef;
  readonly principal: Principal;
  /** null: chunked. */
  readonly bodyBytes: number | null;
  /** From `readDeadline`. */
  readonly deadlineEpochMs: number | null;
}

/**
 * One inference from its head to its last byte: reserve -> quota -> read -> infer -> respond -> release. The hot
 * path: an object and one asynchronous function a request, and a body that came whole is decoded where
 * it lies.
 */
export class HttpInference implements BodyReceiver, OutcomeObserver {
  readonly #host: InferenceHost;
  readonly #exchange: HttpExchange;
  readonly #requestId: string;
  readonly #order: InferenceOrder;
  readonly #jsonBytes: number | null;
  readonly #body: BodyBuffer;
  readonly #isQuotaTaken: boolean;
  #timing: string | null = null;

  /** Reserves the body's bytes and takes the request out of the key's quota. @throws InferError; then nothing is held */
  constructor(
    host: InferenceHost,
    exchange: HttpExchange,
    requestId: string,
    order: InferenceOrder,
  ) {
    this.#host = host;
    this.#exchange = exchange;
    this.#requestId = requestId;
    this.#order = order;
    this.#jsonBytes = exchange.headers.wholeNumber("inference-header-content-length");
    const { pipeline } = host;
    this.#body = new BodyBuffer(order.bodyBytes, host.maxBodyBytes, pipeline.bytes);
    try {
      this.#isQuotaTaken = pipeline.takeQuota(order.principal.id, order.ref, "http");
    } catch (thrown) {
      this.#body.release();
      throw thrown;
    }
  }

  /** Reads, answers, releases and tells the host. Never throws. REQUIRES: called once, at once. */
  start(): void {
    this.#host.read(this.#exchange, this.#body, this);
  }

  onBody(bytes: Uint8Array, isBorrowed: boolean): void {
    // The pipeline decodes before it yields. Numbers and strings read from JSON have memory of their
    // own; tensors of a binary body are views of it.
    const mustCopy = isBorrowed && this.#jsonBytes !== null;
    void this.#run(mustCopy ? copyOf(bytes) : bytes);
  }

  onBodyFailed(reason: InferError): void {
    void this.#fail(reason);
  }

  onSuccess(outcome: RequestOutcome): void {
    this.#timing = formatServerTiming(outcome);
  }

  async #run(body: Uint8Array): Promise<void> {
    const { principal, ref, deadlineEpochMs } = this.#order;
    const waiter = new Waiter();
    this.#exchange.tellGone(waiter);
    try {
      const answer = await this.#host.pipeline.infer({
        principal,
        ref,
        wire: { body, jsonBytes: this.#jsonBytes },
        codec: this.#host.codec,
        protocol: "http",
        deadlineEpochMs,
        observer: this.#wantsTiming() ? this : null,
        waiter,
        isQuotaTaken: this.#isQuotaTaken,
      });
      this.#body.holdAtLeast(byteLengthOf(answer.parts));
      const headers = headersOf(answer, this.#requestId, this.#timing);
      const sent = this.#host.succeed(this.#exchange, this.#requestId, headers, answer.parts);
      if (sent !== null) await sent;
    } catch (thrown) {
      await this.#fail(thrown);
      return;
    }
    this.#body.release();
    this.#host.leave();
  }

  #wantsTiming(): boolean {
    return wantsServerTiming(this.#exchange.headers.get(WANT_SERVER_TIMING));
  }

  async #fail(thrown: unknown): Promise<void> {
    this.#body.release();
    const sent = this.#host.refuse(this.#exchange, this.#requestId, thrown);
    if (sent !== null) await sent;
    this.#host.leave();
  }
}

/** Small ones share memory, as inputs out of JSON do. */
function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = makeInputArray<Uint8Array>(Uint8Array, bytes.byteLength);
  copy.set(bytes);
  return copy;
}

function headersOf(answer: RestAnswer, requestId: string, timing: string | null): string[] {
  const { contentType, inferenceId, jsonBytes } = answer;
  const headers = ["content-type", contentType, "x-request-id", requestId];
  if (timing !== null) headers.push("server-timing", timing);
  if (inferenceId !== null) headers.push(INFERENCE_ID_HEADER, inferenceId);
  if (jsonBytes !== null) headers.push("inference-header-content-length", String(jsonBytes));
  return headers;
}

/** Absolute, epoch milliseconds; null for none. @throws InferError `invalid-argument` */
export function readDeadline(exchange: HttpExchange): number | null {
  const timeoutMs = exchange.headers.wholeNumber("x-request-timeout-ms");
  if (timeoutMs === null) return null;
  if (timeoutMs > 0) return epochNowMs() + timeoutMs;
  throw new InferError("invalid-argument", "header 'x-request-timeout-ms' must be positive");
}
