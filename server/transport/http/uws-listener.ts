import type { TemplatedApp, us_listen_socket, us_socket } from "uWebSockets.js";
import { withDeadline } from "../in-flight.ts";
import type { Listener, ServingContext } from "../serving-context.ts";
import { UwsStreams } from "../websocket/uws-streams.ts";
import { HttpHandler } from "./http-handler.ts";
import type { HttpOptions } from "./http-options.ts";
import { loadUws, type UwsModule } from "./load-uws.ts";
import { UwsExchange } from "./uws-exchange.ts";

/**
 * HTTP and WebSocket over uWebSockets.js, on the calling thread. Several threads may listen on one
 * port (SO_REUSEPORT); the kernel shares the connections out. REQUIRES: closed before its thread ends,
 * or the process aborts.
 *
 * Two quirks of uWebSockets.js: a client that pipelines (sends a second request before the first is
 * answered) is cut off, and a request without Host or with broken framing gets the library's own 400.
 * @throws Error when the library does not load or the port cannot be had
 */
export async function createUwsListener(
  context: ServingContext,
  options: HttpOptions,
): Promise<Listener> {
  const { uws, reason } = loadUws();
  if (uws === null) throw new Error(reason);
  const handler = new HttpHandler(context, options);
  const app = uws.App();
  const streams = new UwsStreams(app, handler, context, options);
  app.any("/*", (res, req) => {
    handler.handle(new UwsExchange(res, req, options.bodyTimeoutMs));
  });
  const { socket, port } = await listen(uws, app, options).catch((error: unknown) => {
    app.close();
    throw error;
  });
  let isListening = true;
  const stopAccepting = () => {
    handler.startClosing();
    if (isListening) uws.us_listen_socket_close(socket);
    isListening = false;
  };
  return {
    port,
    name: "uWebSockets.js",
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
        app.close();
      }
    },
  };
}

interface Bound {
  readonly socket: us_listen_socket;
  readonly port: number;
}

/**
 * A port that the kernel chose (0) is not shared: uWebSockets.js sets SO_REUSEPORT only on a named one.
 * So a free one is asked for, let go and bound by its number.
 */
async function listen(uws: UwsModule, app: TemplatedApp, options: HttpOptions): Promise<Bound> {
  if (options.port !== 0) return bind(uws, app, options.host, options.port);
  const probe = await bind(uws, app, options.host, 0);
  uws.us_listen_socket_close(probe.socket);
  return bind(uws, app, options.host, probe.port);
}

function bind(uws: UwsModule, app: TemplatedApp, host: string, port: number): Promise<Bound> {
  return new Promise((resolve, reject) => {
    app.listen(host, port, (socket) => {
      if (socket === false) reject(new Error(`cannot listen on ${host}:${port}`));
      // A listen socket is a socket; the library's types do not say so.
      else resolve({ socket, port: uws.us_socket_local_port(socket as us_socket) });
    });
  });
}
