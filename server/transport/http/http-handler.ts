import type { InferCodec } from "../../../protocols/core/codec.ts";
import { InferError, toInferError } from "../../../protocols/core/status.ts";
import {
  createRestCodec,
  type RestAnswer,
  type RestWire,
} from "../../../protocols/oip-rest/infer-codec.ts";
import type { Principal } from "../../access/principal.ts";
import { createDeferred } from "../../lib/deferred.ts";
import { SharedTimeout } from "../../lib/shared-timeout.ts";
import type { Pipeline } from "../../request/pipeline.ts";
import { InFlight } from "../in-flight.ts";
import { RequestIds } from "../request-id.ts";
import type { ServingContext } from "../serving-context.ts";
import { type Answer, errorAnswer } from "./answer.ts";
import { BodyBuffer } from "./body-buffer.ts";
import { BodyRead, type BodyReceiver } from "./body-read.ts";
import { codingFor, compressAnswer } from "./compress-answer.ts";
import { type ContentCoding, readContentCoding } from "./content-coding.ts";
import { ControlRoutes } from "./control-routes.ts";
import { draining } from "./draining.ts";
import { HostRule } from "./host-rule.ts";
import type { AfterAnswer, HttpExchange } from "./http-exchange.ts";
import { HttpInference, type InferenceHost, readDeadline } from "./http-inference.ts";
import type { HttpOptions } from "./http-options.ts";
import { InflatedBody } from "./inflated-body.ts";
import type { RouteAccess } from "./route-access.ts";
import { RouteCache } from "./route-cache.ts";
import type { Route } from "./router.ts";

/** A request that may go on: who asks, for what. */
interface Admitted {
  readonly route: Route;
  /** null for probes, which are open to everyone. */
  readonly principal: Principal | null;
  /** null: chunked. */
  readonly bodyBytes: number | null;
}

const NO_BYTES = new Uint8Array(0);

/**
 * What happens to every HTTP request, whatever socket it came through:
 *
 *   framing, host -> route -> authenticate -> authorise -> draining? -> length -> overload? -> reserve
 *   -> quota -> read -> infer -> respond -> release
 *
 * Everything before `read` is synchronous and sees only the head. One instance a listener.
 */
export class HttpHandler implements InferenceHost {
  readonly inFlight = new InFlight();
  readonly codec: InferCodec<RestWire, RestAnswer>;
  readonly #context: ServingContext;
  readonly #options: HttpOptions;
  readonly #ids = new RequestIds();
  readonly #routes = new RouteCache();
  readonly #hosts: HostRule;
  readonly #control: ControlRoutes;
  readonly #timeouts: SharedTimeout<BodyRead>;
  #isClosing = false;

  constructor(context: ServingContext, options: HttpOptions) {
    this.#context = context;
    this.#options = options;
    this.codec = createRestCodec(options.jsonNonFinite);
    this.#hosts = new HostRule(options);
    this.#control = new ControlRoutes(context);
    const { bodyTimeoutMs } = options;
    this.#timeouts = new SharedTimeout(bodyTimeoutMs, (read) =>
      read.cutShort(tooSlow(bodyTimeoutMs)),
    );
  }

  get pipeline(): Pipeline {
    return this.#context.pipeline;
  }

  get maxBodyBytes(): number {
    return this.#options.maxBodyBytes;
  }

  /** From now on every answer asks its client to close the connection. */
  startClosing(): void {
    this.#isClosing = true;
  }

  /** Serves one request to its end; `inFlight` tells when that is. Never throws. */
  handle(exchange: HttpExchange): void {
    this.inFlight.enter();
    const requestId = this.requestId(exchange);
    const refusal = this.#start(exchange, requestId);
    if (refusal === null) return;
    const sent = this.refuse(exchange, requestId, refusal);
    if (sent === null) this.leave();
    else void sent.then(() => this.leave());
  }

  /** @returns why the request ends here; null: what was started ends it */
  #start(exchange: HttpExchange, requestId: string): InferError | null {
    try {
      const { route, principal, bodyBytes } = this.admit(exchange);
      if (route.kind !== "infer" || principal === null) {
        void this.#serveControl(exchange, { route, principal, bodyBytes }, requestId);
        return null;
      }
      if (this.#context.isDraining()) return draining();
      const deadlineEpochMs = readDeadline(exchange);
      // What is too long stays so, and is refused where bytes are reserved: not as if trying again helped.
      const isTooLong = bodyBytes !== null && bodyBytes > this.maxBodyBytes;
      const overload = isTooLong
        ? null
        : this.pipeline.findOverload(route.ref, "http", deadlineEpochMs);
      if (overload !== null) return overload;
      const order = { ref: route.ref, principal, bodyBytes, deadlineEpochMs };
      new HttpInference(this, exchange, requestId, order).start();
      return null;
    } catch (thrown) {
      return toInferError(thrown);
    }
  }

  /**
   * Judges a head: framing, host, route, credential, leave. Also for WebSocket upgrades.
   * @param credential what the head holds where it is not in the usual headers
   * @throws InferError
   */
  admit(exchange: HttpExchange, credential = exchange.headers.credential()): Admitted {
    const bodyBytes = exchange.headers.bodyLength();
    this.#hosts.assertAllowed(exchange.headers);
    const target = this.#routes.find(exchange.method, exchange.path);
    if (target instanceof InferError) throw target;
    if (target.access.action === "admin") this.#hosts.assertMaySteer(exchange.headers);
    return { route: target.route, principal: this.#permit(target.access, credential), bodyBytes };
  }

  requestId(exchange: HttpExchange): string {
    return this.#ids.take(exchange.headers.get("x-request-id"));
  }

  /** Answers with an error, after logging the cause of an unknown one. As `succeed`. */
  refuse(exchange: HttpExchange, requestId: string, thrown: unknown): Promise<void> | null {
    const error = toInferError(thrown);
    if (error.code === "internal") {
      this.#context.log.error({ requestId, err: error.cause ?? error }, "request failed");
    }
    const answer = errorAnswer(error, requestId, afterError(exchange, error));
    return this.#send(exchange, requestId, answer);
  }

  read(exchange: HttpExchange, body: BodyBuffer, receiver: BodyReceiver): void {
    const header = exchange.headers.get("content-encoding");
    if (header === null) this.#read(exchange, body, receiver);
    else this.#readCoded(header, exchange, body, receiver);
  }

  #read(exchange: HttpExchange, body: BodyBuffer, receiver: BodyReceiver): void {
    if (body.isComplete) receiver.onBody(NO_BYTES, false);
    else exchange.readBody(new BodyRead(body, receiver, this.#timeouts));
  }

  #readCoded(
    header: string,
    exchange: HttpExchange,
    body: BodyBuffer,
    receiver: BodyReceiver,
  ): void {
    let coding: ContentCoding | null;
    try {
      coding = readContentCoding(header);
    } catch (thrown) {
      receiver.onBodyFailed(toInferError(thrown));
      return;
    }
    if (coding === null) this.#read(exchange, body, receiver);
    else this.#read(exchange, body, new InflatedBody(coding, body, this.pipeline.bytes, receiver));
  }

  succeed(
    exchange: HttpExchange,
    requestId: string,
    headers: readonly string[],
    parts: readonly Uint8Array[],
  ): Promise<void> | null {
    return this.#respond(exchange, requestId, { status: 200, headers, parts, after: "keep-alive" });
  }

  leave(): void {
    this.inFlight.leave();
  }

  #permit(access: RouteAccess, credential: string | null): Principal | null {
    if (access.action === "probe") return null;
    const { gatekeeper } = this.#context;
    const principal = gatekeeper.authenticate(credential);
    gatekeeper.authorise(principal, access.action, access.model);
    return principal;
  }

  async #serveControl(
    exchange: HttpExchange,
    { route, principal, bodyBytes }: Admitted,
    requestId: string,
  ): Promise<void> {
    const readBody = (maxBytes: number) => this.#readWhole(exchange, bodyBytes, maxBytes);
    try {
      const answer = await this.#control.answer({ route, principal, requestId, readBody });
      await this.#respond(exchange, requestId, answer);
    } catch (thrown) {
      await this.refuse(exchange, requestId, thrown);
    } finally {
      this.leave();
    }
  }

  async #readWhole(
    exchange: HttpExchange,
    bodyBytes: number | null,
    limitBytes: number,
  ): Promise<Uint8Array> {
    const maxBytes = Math.min(limitBytes, this.#options.maxBodyBytes);
    const body = new BodyBuffer(bodyBytes, maxBytes, this.pipeline.bytes);
    const whole = createDeferred<Uint8Array>();
    this.read(exchange, body, {
      onBody: (bytes, isBorrowed) => whole.resolve(isBorrowed ? new Uint8Array(bytes) : bytes),
      onBodyFailed: whole.reject,
    });
    try {
      return await whole.promise;
    } finally {
      body.release();
    }
  }

  /** Compressed where the client takes that and it is worth it. A failure is logged, as in `succeed`. */
  #respond(exchange: HttpExchange, requestId: string, answer: Answer): Promise<void> | null {
    const accepted = exchange.headers.get("accept-encoding");
    if (accepted === null) return this.#send(exchange, requestId, answer);
    const coding = codingFor(accepted, answer.parts, this.#options.compressFromBytes);
    if (coding === null) return this.#send(exchange, requestId, answer);
    return compressAnswer(coding, answer.headers, answer.parts).then(
      async (encoded) => {
        await this.#send(exchange, requestId, { ...answer, ...encoded });
      },
      (thrown) => {
        this.#onUnsent(exchange, requestId, thrown);
      },
    );
  }

  #send(exchange: HttpExchange, requestId: string, answer: Answer): Promise<void> | null {
    const { status, headers, parts } = answer;
    const isLast = this.#isClosing && answer.after === "keep-alive";
    const after = isLast ? "close" : answer.after;
    try {
      return this.#watch(exchange, requestId, exchange.respond(status, headers, parts, after));
    } catch (thrown) {
      return this.#onUnsent(exchange, requestId, thrown);
    }
  }

  #watch(
    exchange: HttpExchange,
    requestId: string,
    sent: Promise<void> | null,
  ): Promise<void> | null {
    if (sent === null) return null;
    return sent.catch((thrown) => {
      this.#onUnsent(exchange, requestId, thrown);
    });
  }

  /** Part of the answer may be out, so that no other can follow it. */
  #onUnsent(exchange: HttpExchange, requestId: string, thrown: unknown): null {
    this.#context.log.error({ requestId, err: thrown }, "an answer could not be sent");
    exchange.abort();
    return null;
  }
}

/** Unread bodies of ordinary size are thrown away and the connection lives on: refusals are cheap. */
function afterError(exchange: HttpExchange, error: InferError): AfterAnswer {
  if (!exchange.headers.isFramingSound()) return "close";
  const isLast =
    error.code === "payload-too-large" || error.code === "draining" || exchange.isReadingStopped;
  return isLast ? "drain-then-close" : "keep-alive";
}

function tooSlow(bodyTimeoutMs: number): InferError {
  return new InferError(
    "deadline-exceeded",
    `the body did not arrive within ${bodyTimeoutMs} ms (bodyTimeoutMs)`,
  );
}
