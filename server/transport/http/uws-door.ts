import type { HttpResponse, TemplatedApp, us_listen_socket, us_socket } from "uWebSockets.js";
import type { ServingContext } from "../serving-context.ts";
import { UwsStreams } from "../websocket/uws-streams.ts";
import { CorsRule } from "./cors-rule.ts";
import type { HttpHandler } from "./http-handler.ts";
import type { HttpOptions } from "./http-options.ts";
import type { UwsModule } from "./load-uws.ts";
import { UwsExchange } from "./uws-exchange.ts";

/** What every door of one listener leads to. */
export interface UwsHouse {
  readonly uws: UwsModule;
  readonly handler: HttpHandler;
  readonly context: ServingContext;
  readonly options: HttpOptions;
}

/**
 * One app of uWebSockets.js with its listen socket and the connections that came through it. The
 * library reads a certificate once, when the app is made: a new one needs a new door beside the old.
 */
export class UwsDoor {
  readonly streams: UwsStreams;
  readonly #house: UwsHouse;
  readonly #app: TemplatedApp;
  #socket: us_listen_socket | null = null;
  #port = 0;
  #connections = 0;
  #isRefusing = false;
  #onEmpty: (() => void) | null = null;

  private constructor(house: UwsHouse, app: TemplatedApp) {
    this.#house = house;
    this.#app = app;
    const { handler, context, options } = house;
    this.streams = new UwsStreams(app, handler, context, options, () => this.#left());
    const cors = options.corsOrigins.length === 0 ? null : new CorsRule(options.corsOrigins);
    app.any("/*", (res, req) => {
      const exchange = new UwsExchange(res, req, options.bodyTimeoutMs);
      const admitted = cors === null ? exchange : cors.admit(exchange);
      if (admitted !== null) handler.handle(admitted);
    });
    const count = (res: HttpResponse, change: unknown) => {
      if (Number(change) < 0) this.#left();
      else if (!this.#entered()) res.close();
    };
    app.filter(count);
  }

  /** @throws Error when the port cannot be had or the certificate cannot be used */
  static async open(house: UwsHouse, port: number): Promise<UwsDoor> {
    const { uws, options } = house;
    const app = createApp(uws, options);
    const door = new UwsDoor(house, app);
    try {
      const bound = await listen(uws, app, options.host, port);
      door.#socket = bound.socket;
      door.#port = bound.port;
      return door;
    } catch (thrown) {
      app.close();
      throw thrown;
    }
  }

  get port(): number {
    return this.#port;
  }

  stopAccepting(): void {
    if (this.#socket !== null) this.#house.uws.us_listen_socket_close(this.#socket);
    this.#socket = null;
  }

  /** Stops accepting, and closes once the last connection has ended by itself. */
  retire(onClosed: () => void): void {
    this.stopAccepting();
    this.#onEmpty = () => {
      this.close();
      onClosed();
    };
    this.#tellIfEmpty();
  }

  /** Cuts every connection. */
  close(): void {
    this.#onEmpty = null;
    this.#app.close();
  }

  #entered(): boolean {
    const isIn = this.#house.context.connections.enter();
    // Closing one calls the filter again, before it returns.
    this.#isRefusing = !isIn;
    if (isIn) this.#connections += 1;
    return isIn;
  }

  #left(): void {
    if (this.#isRefusing) {
      this.#isRefusing = false;
      return;
    }
    this.#house.context.connections.leave();
    this.#connections -= 1;
    this.#tellIfEmpty();
  }

  #tellIfEmpty(): void {
    if (this.#connections > 0 || this.#onEmpty === null) return;
    // Not from within the library's own callback.
    setImmediate(() => this.#onEmpty?.());
  }
}

function createApp(uws: UwsModule, { tls }: HttpOptions): TemplatedApp {
  if (tls === null) return uws.App();
  try {
    return uws.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
  } catch {
    // Its own word is "App construction failed".
    throw new Error("uWebSockets.js cannot use tlsCertFile with tlsKeyFile");
  }
}

interface Bound {
  readonly socket: us_listen_socket;
  readonly port: number;
}

/**
 * A port that the kernel chose (0) is not shared: uWebSockets.js sets SO_REUSEPORT only on a named one.
 * So a free one is asked for, let go and bound by its number.
 */
async function listen(
  uws: UwsModule,
  app: TemplatedApp,
  host: string,
  port: number,
): Promise<Bound> {
  if (port !== 0) return bind(uws, app, host, port);
  const probe = await bind(uws, app, host, 0);
  uws.us_listen_socket_close(probe.socket);
  return bind(uws, app, host, probe.port);
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
