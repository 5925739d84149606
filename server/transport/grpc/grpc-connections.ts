import { type AddressInfo, createServer, type Socket, type Server as TcpServer } from "node:net";
import { type Server, ServerCredentials } from "@grpc/grpc-js";
import { createDeferred, type Deferred } from "../../lib/deferred.ts";

/**
 * The port and the sockets under a grpc-js server. Held here, because grpc-js can only half-close
 * a connection it is draining: a peer that does not close its half would keep the thread alive.
 */
export class GrpcConnections {
  readonly #grpc: Server;
  readonly #tcp: TcpServer;
  readonly #sockets = new Set<Socket>();
  #drained: Deferred<void> | null = null;

  constructor(grpc: Server) {
    this.#grpc = grpc;
    const injector = grpc.createConnectionInjector(ServerCredentials.createInsecure());
    this.#tcp = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.once("close", () => this.#sockets.delete(socket));
      injector.injectConnection(socket);
    });
  }

  /** @returns the port. @throws Error when the address cannot be bound; names it and the setting */
  listen(host: string, port: number): Promise<number> {
    const bound = createDeferred<number>();
    this.#tcp.once("error", (error: NodeJS.ErrnoException) => {
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
    const drained = createDeferred<void>();
    this.#drained = drained;
    this.#tcp.close();
    this.#grpc.tryShutdown(() => drained.resolve());
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
}
