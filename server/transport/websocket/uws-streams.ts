import type { TemplatedApp, WebSocket } from "uWebSockets.js";
import { createDeferred, type Deferred } from "../../lib/deferred.ts";
import type { HttpHandler } from "../http/http-handler.ts";
import type { HttpOptions } from "../http/http-options.ts";
import { UwsExchange } from "../http/uws-exchange.ts";
import type { ServingContext } from "../serving-context.ts";
import { admitStream, type StreamAdmission } from "./stream-admission.ts";
import { StreamSession } from "./stream-session.ts";
import { StreamSessions } from "./stream-sessions.ts";
import type { StreamSocket } from "./stream-socket.ts";

/** A connection that sends nothing, not even a pong, for this long is closed. */
const IDLE_TIMEOUT_SECS = 60;
/**
 * uWebSockets.js cuts a connection off without a close frame above its own limit. This margin lets a
 * frame just too large reach the session, which closes with 1009.
 */
const FRAME_MARGIN_BYTES = 64 * 1024;

interface UserData {
  readonly admission: StreamAdmission;
  /** Set when the connection opens. */
  open: OpenStream | null;
}

interface OpenStream {
  readonly socket: UwsStreamSocket;
  readonly session: StreamSession;
}

/** The WebSockets of one uWebSockets.js listener. */
export class UwsStreams {
  readonly #sessions = new StreamSessions();
  readonly #handler: HttpHandler;
  readonly #context: ServingContext;
  readonly #options: HttpOptions;

  /** @param onConnectionEnd the app's own filter is not told of an upgraded connection */
  constructor(
    app: TemplatedApp,
    handler: HttpHandler,
    context: ServingContext,
    options: HttpOptions,
    onConnectionEnd: () => void,
  ) {
    this.#handler = handler;
    this.#context = context;
    this.#options = options;
    app.ws<UserData>("/*", {
      maxPayloadLength: options.maxBodyBytes + FRAME_MARGIN_BYTES,
      // The session bounds what waits; 0 turns the library's silent dropping off.
      maxBackpressure: 0,
      idleTimeout: IDLE_TIMEOUT_SECS,
      sendPingsAutomatically: true,
      upgrade: (res, req, socketContext) => {
        const key = req.getHeader("sec-websocket-key");
        const exchange = new UwsExchange(res, req, options.bodyTimeoutMs);
        const admission = admitStream(
          this.#handler,
          this.#context,
          this.#options.corsOrigins,
          exchange,
        );
        if (admission === null) return;
        res.writeStatus("101 Switching Protocols").writeHeader("x-request-id", admission.requestId);
        const userData: UserData = { admission, open: null };
        res.upgrade(userData, key, admission.subprotocol ?? "", "", socketContext);
      },
      open: (ws) => this.#open(ws),
      message: (ws, message, isBinary) => {
        const session = ws.getUserData().open?.session;
        if (isBinary) session?.onBinary();
        else session?.onText(new Uint8Array(message));
      },
      drain: (ws) => ws.getUserData().open?.socket.onDrain(),
      close: (ws) => {
        this.#closed(ws.getUserData());
        onConnectionEnd();
      },
    });
  }

  get inFlight(): number {
    return this.#sessions.inFlight;
  }

  /** Resolves when every session has answered what it had and has said goodbye. */
  drain(): Promise<void> {
    return this.#sessions.drain();
  }

  #open(ws: WebSocket<UserData>): void {
    const data = ws.getUserData();
    const socket = new UwsStreamSocket(ws);
    const session = new StreamSession(this.#context, this.#options, data.admission, socket);
    data.open = { socket, session };
    this.#sessions.add(session);
  }

  #closed(data: UserData): void {
    if (data.open === null) return;
    data.open.socket.onClosed();
    data.open.session.onClosed();
    this.#sessions.delete(data.open.session);
  }
}

/** Touching a closed uWebSockets.js socket throws; this one remembers. */
class UwsStreamSocket implements StreamSocket {
  #ws: WebSocket<UserData> | null;
  #flushed: Deferred<void> | null = null;

  constructor(ws: WebSocket<UserData>) {
    this.#ws = ws;
  }

  sendText(text: Uint8Array): void {
    this.#ws?.send(text, false, false);
  }

  bufferedBytes(): number {
    return this.#ws?.getBufferedAmount() ?? 0;
  }

  flushed(): Promise<void> {
    if (this.bufferedBytes() === 0) return Promise.resolve();
    this.#flushed ??= createDeferred<void>();
    return this.#flushed.promise;
  }

  close(code: number, reason: string): void {
    this.#ws?.end(code, reason);
  }

  onDrain(): void {
    if (this.bufferedBytes() > 0) return;
    this.#flushed?.resolve();
    this.#flushed = null;
  }

  onClosed(): void {
    this.#ws = null;
    this.onDrain();
  }
}
