import type { IncomingMessage } from "node:http";
import WebSocket from "ws";
import type { InferResponse, ModelRef } from "../core/infer.ts";
import { InferError, toInferError } from "../core/status.ts";
import { decodeErrorBody } from "../oip-rest/error-body.ts";
import { decodeServerFrame, encodeRequestFrame, type ServerFrame } from "../stream/frame-codec.ts";
import type { ClientOptions, InferenceClient, InferInput } from "./inference-client.ts";

const CLOSE_TIMEOUT_MS = 1000;

/**
 * A client over one WebSocket: any number of requests in flight, paired by id. It does not connect
 * again; after a broken connection every call fails as `unavailable`.
 * @param url ws(s)://host:port/v2/stream
 * @throws InferError `unavailable` when nobody answers, `deadline-exceeded` after timeoutMs, or what
 *   the server answered instead of the upgrade
 */
export async function createWebSocketClient(
  url: string,
  options: ClientOptions,
): Promise<InferenceClient> {
  const client = new WebSocketClient(openSocket(url, options), url, options.timeoutMs);
  await client.opened;
  return client;
}

function openSocket(url: string, options: ClientOptions): WebSocket {
  if (!/^wss?:\/\//i.test(url) || !URL.canParse(url)) {
    throw new InferError("invalid-argument", `expected a ws:// or wss:// URL, got '${url}'`);
  }
  return new WebSocket(url, {
    headers: options.apiKey === null ? {} : { authorization: `Bearer ${options.apiKey}` },
    handshakeTimeout: options.timeoutMs,
    perMessageDeflate: false,
    ...(options.caPem != null && { ca: options.caPem }),
    // 0: any size; the server was chosen by the caller.
    maxPayload: 0,
  });
}

interface Pending {
  readonly resolve: (response: InferResponse) => void;
  readonly reject: (error: InferError) => void;
  readonly timer: NodeJS.Timeout;
}

class WebSocketClient implements InferenceClient {
  readonly protocol = "websocket";
  readonly opened: Promise<void>;
  readonly #socket: WebSocket;
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #closed: Promise<void>;
  readonly #pending = new Map<string, Pending>();
  #lastId = 0;
  /** Why no call can succeed any more; null while the connection stands. */
  #end: InferError | null = null;

  constructor(socket: WebSocket, url: string, timeoutMs: number) {
    this.#socket = socket;
    this.#url = url;
    this.#timeoutMs = timeoutMs;
    this.opened = this.#awaitOpen();
    this.#closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        this.#fail(this.#unavailable(`closed by the server, ${describeClose(code, reason)}`));
        resolve();
      });
    });
    socket.on("message", (data) => this.#receive(data as Buffer));
    socket.on("error", (error) => this.#fail(this.#unavailable(error.message)));
  }

  infer(ref: ModelRef, input: InferInput): Promise<InferResponse> {
    return new Promise((resolve, reject) => {
      if (this.#end !== null) throw this.#end;
      this.#lastId += 1;
      const id = String(this.#lastId);
      const frame = encodeRequestFrame(ref, { ...input, id });
      const timer = setTimeout(() => this.#expire(id), this.#timeoutMs);
      this.#pending.set(id, { resolve, reject, timer });
      this.#socket.send(frame, { binary: false });
    });
  }

  /** Calls in flight end as `unavailable`. */
  async close(): Promise<void> {
    this.#fail(this.#unavailable("the client is closed"));
    this.#socket.close();
    const timer = setTimeout(() => this.#socket.terminate(), CLOSE_TIMEOUT_MS);
    await this.#closed;
    clearTimeout(timer);
  }

  #awaitOpen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.once("open", resolve);
      this.#socket.once("error", (error) => reject(this.#explainHandshake(error)));
      this.#socket.once("unexpected-response", (request, response: IncomingMessage) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", (error) => reject(this.#unavailable(error.message)));
        response.on("end", () => {
          const retryAfter = response.headers["retry-after"] ?? null;
          reject(decodeErrorBody(response.statusCode ?? 0, Buffer.concat(parts), retryAfter));
          request.destroy();
        });
      });
    });
  }

  #explainHandshake(error: Error): InferError {
    if (!/handshake has timed out/i.test(error.message)) return this.#unavailable(error.message);
    return new InferError(
      "deadline-exceeded",
      `${this.#url} did not open within ${this.#timeoutMs} ms`,
    );
  }

  #receive(data: Buffer): void {
    let frame: ServerFrame;
    try {
      frame = decodeServerFrame(data);
    } catch (thrown) {
      // Which request it answered is unknown, so none can be trusted to get its answer.
      this.#fail(toInferError(thrown));
      this.#socket.terminate();
      return;
    }
    if (frame.kind === "answer") this.#take(frame.response.id)?.resolve(frame.response);
    else if (frame.id !== null) this.#take(frame.id)?.reject(frame.error);
    else this.#rejectAll(frame.error);
  }

  /** null for an answer that came after its deadline. */
  #take(id: string | null): Pending | null {
    const pending = this.#pending.get(id ?? "");
    if (id === null || pending === undefined) return null;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    return pending;
  }

  #expire(id: string): void {
    this.#take(id)?.reject(
      new InferError(
        "deadline-exceeded",
        `${this.#url} did not answer within ${this.#timeoutMs} ms`,
      ),
    );
  }

  #fail(reason: InferError): void {
    this.#end ??= reason;
    this.#rejectAll(reason);
  }

  #rejectAll(reason: InferError): void {
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(reason);
  }

  #unavailable(why: string): InferError {
    return new InferError("unavailable", `${this.#url}: ${why}`);
  }
}

function describeClose(code: number, reason: Buffer): string {
  const text = reason.toString("utf8");
  return text === "" ? `code ${code}` : `code ${code}: ${text}`;
}
