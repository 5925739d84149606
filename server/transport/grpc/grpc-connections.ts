import { type AddressInfo, createServer, type Socket, type Server as TcpServer } from "node:net";
import { createServer as createSecureServer, Server as SecureServer } from "node:tls";
import { type Server, ServerCredentials } from "@grpc/grpc-js";
import { createDeferred, type Deferred } from "../../lib/deferred.ts";
import { readTlsPair, type TlsFiles } from "../../lib/tls-pair.ts";
import type { ConnectionLimit } from "../connection-limit.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

/**
 * The port and the sockets under a grpc-js server. Held here, because grpc-js can only half-close
 * a connection it is draining: a peer that does not close its half would keep the thread alive.
 */
export class GrpcConnections {
  readonly #grpc: Server;
  readonly #tcp: TcpServer;
  readonly #sockets = new Set<Socket>();
  /** Those that carry HTTP/2; over TLS not the same objects as the above. */
  readonly #served = new Set<Socket>();
  /** Resolves when the last of them has closed; null before the drain. */
  #drained: Deferred<void> | null = null;

  /**
   * TLS ends here, under grpc-js, which takes any socket: its own has no way to change the certificate.
   * @param tls null: plain text
   * @throws TlsPairError
   */
  constructor(grpc: Server, tls: TlsFiles | null, connections: ConnectionLimit) {
    this.#grpc = grpc;
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    const serve = (socket: Socket) => {
      if (socket.destroyed) return;
      this.#served.add(socket);
      socket.once("close", () => {
        this.#served.delete(socket);
        this.#resolveWhenDrained();
      });
      injector.injectConnection(socket);
    };
    this.#tcp = tls === null ? createServer({ noDelay: true }, serve) : secureServer(tls, serve);
    this.#tcp.prependListener("connection", (socket) => {
      socket.on("error", () => socket.destroy());
      if (!connections.enter()) {
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        connections.leave();
      });
    });
  }

  /** For connections still to come. @throws TlsPairError; then nothing has changed */
  renewCertificate(tls: TlsFiles): void {
    if (this.#tcp instanceof SecureServer) this.#tcp.setSecureContext(readTlsPair(tls));
  }

  /** @returns the port. @throws Error when the address cannot be bound; names it and the setting */
  listen(host: string, port: number): Promise<number> {
    const bound = createDeferred<number>();
    // Lasting: later ones are connections that could not be taken (EMFILE), and the port stays open.
    this.#tcp.on("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "the port is taken" : error.message;
      const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
      bound.reject(
        new Error(`cannot serve gRPC on ${address}: ${why} (grpcPort)`, { cause: error }),
      );
    });
    this.#tcp.listen({ host, port }, () =>
      bound.resolve((this.#tcp.address() as AddressInfo).port),
    );
    return bound.promise;
  }

  /** Every connection gets a GOAWAY: its client goes elsewhere with new calls. */
  stopAccepting(): void {
    if (this.#drained !== null) return;
    this.#drained = createDeferred<void>();
    this.#tcp.close();
    // Its callback is no end of a drain: from Node 24 it comes at once, last answers still unsent,
    // because there an HTTP/2 server that closes has marked its sessions closed already.
    this.#grpc.tryShutdown(() => undefined);
    this.#resolveWhenDrained();
  }

  /** Ends every connection, those that still have bytes to send after at most `flushMs`. */
  async end(flushMs: number): Promise<void> {
    this.stopAccepting();
    const late = createDeferred<void>();
    const timer = setTimeout(late.resolve, flushMs);
    await Promise.race([this.#drained?.promise, late.promise]);
    clearTimeout(timer);
    this.#grpc.forceShutdown();
    for (const socket of this.#sockets) socket.destroy();
  }

  #resolveWhenDrained(): void {
    if (this.#served.size === 0) this.#drained?.resolve();
  }
}

function secureServer(tls: TlsFiles, serve: (socket: Socket) => void): TcpServer {
  const server = createSecureServer({
    ...readTlsPair(tls),
    // gRPC is HTTP/2; a client that cannot say so in the handshake is no gRPC client.
    ALPNProtocols: ["h2"],
    noDelay: true,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  });
  server.on("secureConnection", (socket) => {
    socket.on("error", () => socket.destroy());
    serve(socket);
  });
  return server;
}
