import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { connect } from "node:tls";
import type { Listener } from "../serving-context.ts";

/**
 * A plain door to a listener that speaks TLS, so that the contract that is written for plain text
 * proves the same of it: bytes both ways, ends and resets passed on, nothing read ahead of its reader.
 */
export async function relayed(listener: Listener, caPem: string): Promise<Listener> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (plain) => {
    const secure = connect({ host: "127.0.0.1", port: listener.port, ca: caPem });
    const end = () => {
      plain.destroy();
      secure.destroy();
    };
    sockets.add(plain);
    plain.on("error", end).on("close", () => {
      sockets.delete(plain);
      secure.destroy();
    });
    secure.on("error", end).on("close", () => plain.end());
    plain.pipe(secure);
    secure.pipe(plain);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    name: listener.name,
    port: (server.address() as AddressInfo).port,
    renewCertificate: () => listener.renewCertificate(),
    stopAccepting() {
      listener.stopAccepting();
      server.close();
    },
    async close(deadlineMs) {
      try {
        await listener.close(deadlineMs);
      } finally {
        server.close();
      }
    },
  };
}
