import { createServer, type Server, type ServerOptions } from "node:http";
import { createServer as createSecureServer, Server as SecureServer } from "node:https";
import type { Duplex } from "node:stream";
import { readTlsPair, type TlsFiles } from "../../lib/tls-pair.ts";
import type { ConnectionLimit } from "../connection-limit.ts";

const HANDSHAKE_TIMEOUT_MS = 10_000;

/** A server of node:http or node:https that counts its connections. @throws TlsPairError */
export function createNodeServer(
  tls: TlsFiles | null,
  connections: ConnectionLimit,
  options: ServerOptions,
): Server {
  const server =
    tls === null
      ? createServer(options)
      : createSecureServer({
          ...options,
          ...readTlsPair(tls),
          handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
        });
  const counted = new WeakSet<Duplex>();
  server.on("connection", (socket: Duplex) => {
    // A declined upgrade brings its connection again.
    if (counted.has(socket)) return;
    if (!connections.enter()) {
      socket.destroy();
      return;
    }
    counted.add(socket);
    socket.once("close", () => connections.leave());
  });
  return server;
}

/** The event by which a connection whose bytes can be read enters the server. */
export function readableConnectionEvent(server: Server): "connection" | "secureConnection" {
  return server instanceof SecureServer ? "secureConnection" : "connection";
}

/** For connections still to come. @throws TlsPairError; then nothing has changed */
export function renewServerCertificate(server: Server, tls: TlsFiles): void {
  if (server instanceof SecureServer) server.setSecureContext(readTlsPair(tls));
}
