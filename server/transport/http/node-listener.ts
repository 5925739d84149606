import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer } from "node:net";
import type { Duplex } from "node:stream";
import { InferError } from "../../../protocols/core/status.ts";
import { withDeadline } from "../in-flight.ts";
import type { Listener, ServingContext } from "../serving-context.ts";
import { UpgradeExchange } from "../websocket/upgrade-exchange.ts";
import { WsStreams } from "../websocket/ws-streams.ts";
import { CorsRule } from "./cors-rule.ts";
import { declineUpgrade, isWebSocketUpgrade } from "./decline-upgrade.ts";
import { HttpHandler } from "./http-handler.ts";
import type { HttpOptions } from "./http-options.ts";
import { NodeExchange } from "./node-exchange.ts";
import { createNodeServer, renewServerCertificate } from "./node-server.ts";

const HEAD_TIMEOUT_MS = 10_000;
/** Above the 60 s that load balancers keep their side open. */
const KEEP_ALIVE_MS = 65_000;
const CHECK_INTERVAL_MS = 2_000;

/**
 * HTTP and WebSocket over node:http and `ws`, on the calling thread; one listener a port.
 * @throws Error when the port cannot be had or the certificate cannot be used
 */
export async function createNodeListener(
  context: ServingContext,
  options: HttpOptions,
): Promise<Listener> {
  const handler = new HttpHandler(context, options);
  const streams = new WsStreams(handler, context, options);
  const server = createNodeServer(options.tls, context.connections, {
    // A missing Host is refused by the handler, in the same words over both listeners.
    requireHostHeader: false,
    headersTimeout: HEAD_TIMEOUT_MS,
    requestTimeout: HEAD_TIMEOUT_MS + options.bodyTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  });
  /** Connections with a request under way: an answer to garbage behind it would be taken for its own. */
  const busy = new WeakMap<Duplex, Set<NodeExchange>>();
  const enter = (socket: Duplex) => {
    const open = new Set<NodeExchange>();
    busy.set(socket, open);
    socket.once("close", () => {
      for (const exchange of open) exchange.connectionClosed();
    });
    return open;
  };
  const cors = options.corsOrigins.length === 0 ? null : new CorsRule(options.corsOrigins);
  const serve = (req: IncomingMessage, res: ServerResponse, mustContinue: boolean) => {
    const { socket } = req;
    const exchange = new NodeExchange(req, res, options.bodyTimeoutMs, mustContinue);
    const open = busy.get(socket) ?? enter(socket);
    open.add(exchange);
    res.once("close", () => open.delete(exchange));
    const admitted = cors === null ? exchange : cors.admit(exchange);
    if (admitted !== null) handler.handle(admitted);
  };
  server.on("request", (req, res) => serve(req, res, false));
  // An expectation that nobody knows is not met and not refused (RFC 9110 §10.1.1): node:http would answer 417.
  server.on("checkExpectation", (req, res) => serve(req, res, false));
  server.on("checkContinue", (req, res) => serve(req, res, true));
  server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (isWebSocketUpgrade(req)) streams.upgrade(req, socket, head);
    else declineUpgrade(server, req, socket, head);
  });
  server.on("clientError", (error, socket) => {
    if ((busy.get(socket)?.size ?? 0) > 0) socket.destroy();
    else refuseGarbage(handler, error, socket);
  });
  const port = await listen(server, options).catch((error: unknown) => {
    streams.terminate();
    throw error;
  });
  server.on("error", (error) => context.log.error({ err: error }, "http listener"));
  const stopAccepting = () => {
    handler.startClosing();
    // Not http.Server's own close, which also ends idle connections under a request on its way.
    if (server.listening) NetServer.prototype.close.call(server);
  };
  return {
    port,
    name: "node:http",
    async renewCertificate() {
      if (options.tls !== null) renewServerCertificate(server, options.tls);
    },
    stopAccepting,
    async close(deadlineMs) {
      stopAccepting();
      try {
        const idle = Promise.all([handler.inFlight.whenIdle(), streams.drain()]);
        await withDeadline(
          idle,
          deadlineMs,
          () => `${handler.inFlight.count + streams.inFlight} requests in flight`,
        );
      } finally {
        streams.terminate();
        // Ends the timer that looks for slow heads; the port is closed already.
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

function listen(server: Server, { host, port }: HttpOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    // Lasting: later ones are connections that could not be taken (EMFILE), and the port stays open.
    server.on("error", (error) => {
      reject(new Error(`cannot listen on ${host}:${port}`, { cause: error }));
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

/** Bytes that are no HTTP request, or a head that came too slowly. */
function refuseGarbage(handler: HttpHandler, error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const exchange = new UpgradeExchange(null, socket);
  void handler.refuse(exchange, handler.requestId(exchange), explain(error));
}

function explain(error: NodeJS.ErrnoException): InferError {
  return error.code === "ERR_HTTP_REQUEST_TIMEOUT"
    ? new InferError("deadline-exceeded", `the head did not arrive within ${HEAD_TIMEOUT_MS} ms`)
    : new InferError("invalid-argument", "this is not a well-formed HTTP request");
}
