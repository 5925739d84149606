import type { InferCodec } from "../../../protocols/core/codec.ts";
import type { InferRequest, ModelRef } from "../../../protocols/core/infer.ts";
import { InferError, STATUS_TABLE, toInferError } from "../../../protocols/core/status.ts";
import {
  decodeFrame,
  encodeAnswerFrame,
  encodeErrorFrame,
  type FrameRef,
  type StreamFrame,
  tryFrameId,
} from "../../../protocols/stream/frame-codec.ts";
import type { InferCall } from "../../request/pipeline.ts";
import { Waiter } from "../../request/waiter.ts";
import { draining } from "../http/draining.ts";
import type { HttpOptions } from "../http/http-options.ts";
import { InFlight } from "../in-flight.ts";
import type { ServingContext } from "../serving-context.ts";
import type { StreamAdmission } from "./stream-admission.ts";
import type { StreamSocket } from "./stream-socket.ts";
import { JSON_SUBPROTOCOL } from "./subprotocols.ts";

/**
 * One WebSocket connection, free of its socket: JSON text frames, any number in flight up to
 * maxStreamInflight, answered as they finish. A bad frame is answered with an error frame; only a
 * frame that is too large, a client that does not read, and shutdown end the connection. One thread.
 */
export class StreamSession {
  readonly #context: ServingContext;
  readonly #options: HttpOptions;
  readonly #admission: StreamAdmission;
  readonly #socket: StreamSocket;
  /** The frame is decoded before the pipeline runs: it names its own model. */
  readonly #codec: InferCodec<InferRequest, Uint8Array>;
  /** Of what is in flight, by id. */
  readonly #waiters = new Map<string, Waiter>();
  readonly #inFlight = new InFlight();
  #isDraining = false;
  #isClosed = false;

  constructor(
    context: ServingContext,
    options: HttpOptions,
    admission: StreamAdmission,
    socket: StreamSocket,
  ) {
    this.#context = context;
    this.#options = options;
    this.#admission = admission;
    this.#socket = socket;
    const { jsonNonFinite } = options;
    this.#codec = {
      decode: (request) => request,
      encode: (response, request) => encodeAnswerFrame(response, request, jsonNonFinite),
    };
  }

  get inFlight(): number {
    return this.#inFlight.count;
  }

  /** @param text the frame; may die with the call */
  onText(text: Uint8Array): void {
    if (this.#isClosed) return;
    if (text.byteLength > this.#options.maxBodyBytes) {
      const limit = this.#options.maxBodyBytes;
      this.#close(STATUS_TABLE["payload-too-large"].ws, `a frame may have ${limit} bytes`);
      return;
    }
    const { limits } = this.#context.pipeline;
    const { jsonNonFinite } = this.#options;
    let frame: StreamFrame;
    try {
      frame = decodeFrame(text, limits, jsonNonFinite);
    } catch (thrown) {
      this.#sendError(tryFrameId(text, limits), thrown);
      return;
    }
    try {
      this.#start(frame, text.byteLength);
    } catch (thrown) {
      this.#sendError(frame.id, thrown);
    }
  }

  onBinary(): void {
    this.#sendError(
      null,
      new InferError(
        "unsupported",
        `binary frames are not supported; send text frames of the subprotocol '${JSON_SUBPROTOCOL}'`,
      ),
    );
  }

  /** The connection is gone: what is in flight is cancelled. */
  onClosed(): void {
    this.#isClosed = true;
    this.#leaveAll();
  }

  /** Answers what is in flight, then closes with 1012. Resolves when that is said. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await this.#inFlight.whenIdle();
    await this.#socket.flushed();
    this.#close(STATUS_TABLE.draining.ws, "the server is shutting down");
  }

  /** Synchronous up to the pipeline. @throws InferError when the frame may not start */
  #start({ id, ref: asked, request }: StreamFrame, bytes: number): void {
    const { gatekeeper, pipeline } = this.#context;
    if (this.#waiters.has(id)) {
      throw new InferError("invalid-argument", `id ${JSON.stringify(id)} is still in flight`);
    }
    const ref = this.#refOf(asked);
    const principal = gatekeeper.authenticate(this.#admission.credential);
    gatekeeper.authorise(principal, "infer", ref.name);
    if (this.#isDraining || this.#context.isDraining()) throw draining();
    if (this.#waiters.size >= this.#options.maxStreamInflight) {
      throw new InferError(
        "queue-full",
        `this connection has ${this.#waiters.size} requests in flight, its limit (maxStreamInflight)`,
        { retryAfterMs: 1000 },
      );
    }
    pipeline.bytes.reserve(bytes);
    const waiter = new Waiter();
    this.#waiters.set(id, waiter);
    this.#inFlight.enter();
    void this.#run(id, bytes, {
      principal,
      ref,
      wire: request,
      codec: this.#codec,
      protocol: "websocket",
      deadlineEpochMs: null,
      observer: null,
      waiter,
      isQuotaTaken: false,
    });
  }

  async #run(id: string, bytes: number, call: InferCall<InferRequest, Uint8Array>): Promise<void> {
    const { pipeline } = this.#context;
    try {
      const answer = await pipeline.infer(call);
      this.#waiters.delete(id);
      this.#send(answer);
    } catch (thrown) {
      this.#waiters.delete(id);
      this.#sendError(id, thrown);
    } finally {
      pipeline.bytes.release(bytes);
      this.#inFlight.leave();
    }
  }

  /** The URL's model and version, the frame's, or both where they agree. */
  #refOf(asked: FrameRef): ModelRef {
    const bound = this.#admission.ref;
    const name = agree("model_name", bound?.name ?? null, asked.name);
    if (name === null) {
      throw new InferError("invalid-argument", "member 'model_name' is missing; the URL has none");
    }
    return { name, version: agree("model_version", bound?.version ?? null, asked.version) };
  }

  #sendError(id: string | null, thrown: unknown): void {
    const error = toInferError(thrown);
    if (error.code === "internal") {
      const { requestId } = this.#admission;
      this.#context.log.error({ requestId, err: error.cause ?? error }, "request failed");
    }
    this.#send(encodeErrorFrame(id, error));
  }

  /** The backlog is judged before a frame joins it: one answer may be of any size. */
  #send(text: Uint8Array): void {
    if (this.#isClosed) return;
    const waiting = this.#socket.bufferedBytes();
    const limit = this.#options.maxStreamEgressBytes;
    if (waiting <= limit) {
      this.#socket.sendText(text);
      return;
    }
    this.#close(1008, `slow reader: ${waiting} bytes wait to be read, the limit is ${limit}`);
  }

  #close(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.close(code, reason);
    // Not when the client has closed too, which it may put off.
    this.#leaveAll();
  }

  #leaveAll(): void {
    for (const waiter of this.#waiters.values()) waiter.leave();
  }
}

function agree(member: string, fromUrl: string | null, fromFrame: string | null): string | null {
  if (fromUrl === null || fromFrame === null || fromUrl === fromFrame) return fromFrame ?? fromUrl;
  const came = JSON.stringify(fromFrame.slice(0, 128));
  throw new InferError(
    "invalid-argument",
    `member '${member}' ${came} conflicts with the URL's '${fromUrl}'`,
  );
}
