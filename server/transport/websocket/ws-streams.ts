import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { createDeferred, type Deferred } from "../../lib/deferred.ts";
import type { HttpHandler } from "../http/http-handler.ts";
import type { HttpOptions } from "../http/http-options.ts";
import type { ServingContext } from "../serving-context.ts";
import { admitStream, type StreamAdmission } from "./stream-admission.ts";
import { StreamSession } from "./stream-session.ts";
import { StreamSessions } from "./stream-sessions.ts";
import type { StreamSocket } from "./stream-socket.ts";
import { UpgradeExchange } from "./upgrade-exchange.ts";

/** A client that answers no ping for one interval is cut off. */
const PING_INTERVAL_MS = 30_000;
/** How long a closing handshake may take at shutdown, once everything is sent. */
const GOODBYE_MS = 2000;

/** The WebSockets of one node:http listener. */
export class WsStreams {
  readonly #sessions = new StreamSessions();
  readonly #server: WebSocketServer;
  readonly #handler: HttpHandler;
  readonly #context: ServingContext;
  readonly #options: HttpOptions;
  readonly #admissions = new WeakMap<IncomingMessage, StreamAdmission>();
  readonly #answered = new WeakSet<WebSocket>();
  readonly #pinger: NodeJS.Timeout;

  constructor(handler: HttpHandler, context: ServingContext, options: HttpOptions) {
    this.#handler = handler;
    this.#context = context;
    this.#options = options;
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: options.maxBodyBytes,
      perMessageDeflate: false,
      handleProtocols: (_offered, req) => this.#admissions.get(req)?.subprotocol ?? false,
    });
    this.#server.on("headers", (headers, req) => {
      const admission = this.#admissions.get(req);
      if (admission !== undefined) headers.push(`x-request-id: ${admission.requestId}`);
    });
    this.#pinger = setInterval(() => this.#ping(), PING_INTERVAL_MS);
    this.#pinger.unref();
  }

  /** Takes an upgrade request from node:http; answers it whatever it is. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    const exchange = new UpgradeExchange(req, socket);
    const admission = admitStream(
      this.#handler,
      this.#context,
      this.#options.corsOrigins,
      exchange,
    );
    if (admission === null) return;
    this.#admissions.set(req, admission);
    this.#server.handleUpgrade(req, socket, head, (ws) => this.#open(ws, admission));
  }

  get inFlight(): number {
    return this.#sessions.inFlight;
  }

  /** Resolves when every session has answered what it had and its connection has ended. */
  async drain(): Promise<void> {
    const ended = [...this.#server.clients].map(
      (ws) => new Promise<void>((resolve) => ws.once("close", () => resolve())),
    );
    await this.#sessions.drain();
    const timer = setTimeout(() => this.terminate(), GOODBYE_MS);
    await Promise.all(ended);
    clearTimeout(timer);
  }

  /** Cuts every connection. */
  terminate(): void {
    clearInterval(this.#pinger);
    for (const ws of this.#server.clients) ws.terminate();
  }

  #open(ws: WebSocket, admission: StreamAdmission): void {
    const socket = new WsStreamSocket(ws);
    const session = new StreamSession(this.#context, this.#options, admission, socket);
    this.#sessions.add(session);
    this.#answered.add(ws);
    ws.on("message", (data, isBinary) => {
      if (isBinary) session.onBinary();
      else session.onText(data as Buffer);
    });
    ws.on("pong", () => this.#answered.add(ws));
    // `ws` closes by itself after an error (1009 for a frame that is too large).
    ws.on("error", (error) => this.#context.log.debug({ err: error }, "websocket error"));
    ws.on("close", () => {
      session.onClosed();
      this.#sessions.delete(session);
    });
  }

  #ping(): void {
    for (const ws of this.#server.clients) {
      if (this.#answered.delete(ws)) ws.ping();
      else ws.terminate();
    }
  }
}

class WsStreamSocket implements StreamSocket {
  readonly #ws: WebSocket;
  #unsent = 0;
  #flushed: Deferred<void> | null = null;

  constructor(ws: WebSocket) {
    this.#ws = ws;
  }

  sendText(text: Uint8Array): void {
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#unsent += 1;
    // Called when the frame is with the kernel, and when the connection ended first.
    this.#ws.send(text, { binary: false }, () => {
      this.#unsent -= 1;
      if (this.#unsent > 0) return;
      this.#flushed?.resolve();
      this.#flushed = null;
    });
  }

  bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  flushed(): Promise<void> {
    if (this.#unsent === 0) return Promise.resolve();
    this.#flushed ??= createDeferred<void>();
    return this.#flushed.promise;
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, reason);
  }
}
