import {
  decodeLabelRequest,
  encodeLabelAnswer,
  MAX_LABELS_BODY_BYTES,
} from "../../../protocols/capture/label-request.ts";
import type { ModelRef } from "../../../protocols/core/infer.ts";
import { INFERENCE_ID_HEADER } from "../../../protocols/core/inference-id.ts";
import { InferError, toInferError } from "../../../protocols/core/status.ts";
import { oipRestCodec } from "../../../protocols/oip-rest/infer-codec.ts";
import {
  encodeModelMetadata,
  encodeRepositoryIndex,
  encodeServerMetadata,
} from "../../../protocols/oip-rest/messages.ts";
import type { Principal } from "../../access/principal.ts";
import { epochNowMs } from "../../lib/epoch-clock.ts";
import {
  isModelReady,
  modelMetadata,
  repositoryIndex,
  SERVER_METADATA,
} from "../../request/queries.ts";
import { InFlight } from "../in-flight.ts";
import { RequestIds } from "../request-id.ts";
import type { ServingContext } from "../serving-context.ts";
import { assertSteerParameters } from "../steer-parameters.ts";
import { type Answer, emptyAnswer, errorAnswer, healthAnswer, jsonAnswer } from "./answer.ts";
import { BodyBuffer } from "./body-buffer.ts";
import { decodeIndexBody, decodeSteerBody, MAX_CONTROL_BODY_BYTES } from "./control-body.ts";
import { draining } from "./draining.ts";
import { assertAllowedHost } from "./host-rule.ts";
import type { AfterAnswer, HttpExchange } from "./http-exchange.ts";
import type { HttpOptions } from "./http-options.ts";
import { byteLengthOf } from "./join-parts.ts";
import { type RouteAccess, routeAccess } from "./route-access.ts";
import { type Route, route } from "./router.ts";

/** A request that may go on: who asks, for what. */
interface Admitted {
  readonly route: Route;
  /** null for probes, which are open to everyone. */
  readonly principal: Principal | null;
  /** null: chunked. */
  readonly bodyBytes: number | null;
}

/**
 * What happens to every HTTP request, whatever socket it came through:
 *
 *   framing, host -> route -> authenticate -> authorise -> draining? -> length -> reserve -> read
 *   -> infer -> respond -> release
 *
 * Everything before `read` is synchronous and sees only the head. One instance a listener.
 */
export class HttpHandler {
  readonly inFlight = new InFlight();
  readonly #context: ServingContext;
  readonly #options: HttpOptions;
  readonly #ids = new RequestIds();
  #isClosing = false;

  constructor(context: ServingContext, options: HttpOptions) {
    this.#context = context;
    this.#options = options;
  }

  /** From now on every answer asks its client to close the connection. */
  startClosing(): void {
    this.#isClosing = true;
  }

  /** Serves one request to its end; never rejects. */
  async handle(exchange: HttpExchange): Promise<void> {
    this.inFlight.enter();
    try {
      await this.#serve(exchange);
    } finally {
      this.inFlight.leave();
    }
  }

  /**
   * Judges a head: framing, host, route, credential, leave. Also for WebSocket upgrades.
   * @param credential what the head holds where it is not in the usual headers
   * @throws InferError
   */
  admit(exchange: HttpExchange, credential = exchange.headers.credential()): Admitted {
    const bodyBytes = exchange.headers.bodyLength();
    assertAllowedHost(this.#options, exchange.headers);
    const found = route(exchange.method, exchange.path);
    if (found instanceof InferError) throw found;
    const access = routeAccess(found);
    return { route: found, principal: this.#permit(access, credential), bodyBytes };
  }

  requestId(exchange: HttpExchange): string {
    return this.#ids.take(exchange.headers.get("x-request-id"));
  }

  /** Answers with an error, after logging the cause of an unknown one. Never rejects. */
  refuse(exchange: HttpExchange, requestId: string, thrown: unknown): Promise<void> {
    const error = toInferError(thrown);
    if (error.code === "internal") {
      this.#context.log.error({ requestId, err: error.cause ?? error }, "request failed");
    }
    return this.#send(exchange, errorAnswer(error, requestId, afterError(exchange, error)));
  }

  #permit(access: RouteAccess, credential: string | null): Principal | null {
    if (access.action === "probe") return null;
    const { gatekeeper } = this.#context;
    const principal = gatekeeper.authenticate(credential);
    gatekeeper.authorise(principal, access.action, access.model);
    return principal;
  }

  async #serve(exchange: HttpExchange): Promise<void> {
    const requestId = this.requestId(exchange);
    try {
      const admitted = this.admit(exchange);
      if (admitted.route.kind === "infer" && admitted.principal !== null) {
        await this.#infer(exchange, admitted.route.ref, admitted.principal, admitted, requestId);
      } else {
        await this.#send(exchange, await this.#answer(exchange, admitted, requestId));
      }
    } catch (thrown) {
      await this.refuse(exchange, requestId, thrown);
    }
  }

  async #infer(
    exchange: HttpExchange,
    ref: ModelRef,
    principal: Principal,
    { bodyBytes }: Admitted,
    requestId: string,
  ): Promise<void> {
    if (this.#context.isDraining()) throw draining();
    assertIdentityEncoding(exchange);
    const deadlineEpochMs = readDeadline(exchange);
    const jsonBytes = exchange.headers.wholeNumber("inference-header-content-length");
    const { pipeline } = this.#context;
    const body = new BodyBuffer(bodyBytes, this.#options.maxBodyBytes, pipeline.bytes);
    try {
      await this.#fill(exchange, body);
      const answer = await pipeline.infer({
        principal,
        ref,
        wire: { body: body.take(), jsonBytes },
        codec: oipRestCodec,
        protocol: "http",
        deadlineEpochMs,
      });
      body.holdAtLeast(byteLengthOf(answer.parts));
      const headers = ["content-type", answer.contentType, "x-request-id", requestId];
      if (answer.inferenceId !== null) headers.push(INFERENCE_ID_HEADER, answer.inferenceId);
      if (answer.jsonBytes !== null) {
        headers.push("inference-header-content-length", String(answer.jsonBytes));
      }
      await this.#send(exchange, {
        status: 200,
        headers,
        parts: answer.parts,
        after: "keep-alive",
      });
    } finally {
      body.release();
    }
  }

  async #answer(exchange: HttpExchange, admitted: Admitted, requestId: string): Promise<Answer> {
    const { pipeline } = this.#context;
    const { route: found } = admitted;
    switch (found.kind) {
      case "live":
        return healthAnswer(true, { live: true }, requestId);
      case "ready": {
        const ready = this.#context.isReady();
        return healthAnswer(ready, { ready }, requestId);
      }
      case "server-metadata":
        return jsonAnswer(200, encodeServerMetadata(SERVER_METADATA), requestId);
      case "model-metadata": {
        const metadata = modelMetadata(pipeline.serving, found.ref);
        return jsonAnswer(200, encodeModelMetadata(metadata), requestId);
      }
      case "model-ready": {
        const ready = isModelReady(pipeline.serving, found.ref);
        return healthAnswer(ready, { name: found.ref.name, ready }, requestId);
      }
      case "index": {
        const { readyOnly } = decodeIndexBody(await this.#readControlBody(exchange, admitted));
        const entries = repositoryIndex(pipeline.serving, principalOf(admitted), readyOnly);
        return jsonAnswer(200, encodeRepositoryIndex(entries), requestId);
      }
      case "load":
      case "unload":
        assertSteerParameters(decodeSteerBody(await this.#readControlBody(exchange, admitted)));
        await this.#context.steer(found.kind, found.model, principalOf(admitted));
        return emptyAnswer(requestId);
      case "labels":
        return await this.#storeLabels(exchange, admitted, found.model, requestId);
      case "stream":
        throw new InferError("invalid-argument", "this path takes a WebSocket upgrade");
      default:
        throw new Error(`route '${found.kind}' has no answer`);
    }
  }

  async #storeLabels(
    exchange: HttpExchange,
    admitted: Admitted,
    model: string,
    requestId: string,
  ): Promise<Answer> {
    if (this.#context.isDraining()) throw draining();
    const bytes = await this.#readBody(exchange, admitted, MAX_LABELS_BODY_BYTES);
    this.#context.pipeline.serving.model(model);
    const atMs = Date.now();
    const labels = decodeLabelRequest(bytes);
    await this.#context.storeLabels(
      labels.map((label) => ({ kind: "label", model, ...label, atMs })),
    );
    return jsonAnswer(200, encodeLabelAnswer(labels.length), requestId);
  }

  #readControlBody(exchange: HttpExchange, admitted: Admitted): Promise<Uint8Array> {
    return this.#readBody(exchange, admitted, MAX_CONTROL_BODY_BYTES);
  }

  async #readBody(
    exchange: HttpExchange,
    { bodyBytes }: Admitted,
    limitBytes: number,
  ): Promise<Uint8Array> {
    const maxBytes = Math.min(limitBytes, this.#options.maxBodyBytes);
    const body = new BodyBuffer(bodyBytes, maxBytes, this.#context.pipeline.bytes);
    try {
      await this.#fill(exchange, body);
      return body.take();
    } finally {
      body.release();
    }
  }

  /** Synchronous up to `readBody`, as that requires. */
  async #fill(exchange: HttpExchange, body: BodyBuffer): Promise<void> {
    if (body.isComplete) return;
    const { bodyTimeoutMs } = this.#options;
    const timer = setTimeout(() => exchange.stopReading(tooSlow(bodyTimeoutMs)), bodyTimeoutMs);
    try {
      await exchange.readBody(body);
    } finally {
      clearTimeout(timer);
    }
  }

  #send(exchange: HttpExchange, answer: Answer): Promise<void> {
    const isLast = this.#isClosing && answer.after === "keep-alive";
    const after = isLast ? "close" : answer.after;
    return exchange.respond(answer.status, answer.headers, answer.parts, after);
  }
}

/** Unread bodies of ordinary size are thrown away and the connection lives on: refusals are cheap. */
function afterError(exchange: HttpExchange, error: InferError): AfterAnswer {
  if (!exchange.headers.isFramingSound()) return "close";
  const isLast =
    error.code === "payload-too-large" || error.code === "draining" || exchange.isReadingStopped;
  return isLast ? "drain-then-close" : "keep-alive";
}

function principalOf(admitted: Admitted): Principal {
  if (admitted.principal === null) throw new Error("a guarded route was let through as a probe");
  return admitted.principal;
}

/** @throws InferError `invalid-argument` */
function readDeadline(exchange: HttpExchange): number | null {
  const timeoutMs = exchange.headers.wholeNumber("x-request-timeout-ms");
  if (timeoutMs === null) return null;
  if (timeoutMs > 0) return epochNowMs() + timeoutMs;
  throw new InferError("invalid-argument", "header 'x-request-timeout-ms' must be positive");
}

function assertIdentityEncoding(exchange: HttpExchange): void {
  const encoding = exchange.headers.get("content-encoding");
  if (encoding === null || encoding.toLowerCase() === "identity") return;
  throw new InferError(
    "unsupported",
    `header 'content-encoding' must be absent or 'identity', got ${JSON.stringify(encoding.slice(0, 40))}`,
  );
}

function tooSlow(bodyTimeoutMs: number): InferError {
  return new InferError(
    "deadline-exceeded",
    `the body did not arrive within ${bodyTimeoutMs} ms (bodyTimeoutMs)`,
  );
}
