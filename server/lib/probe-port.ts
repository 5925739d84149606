import { type AddressInfo, createServer } from "node:net";

/**
 * Makes sure that nobody listens on a port, and finds a free one for 0. uWebSockets.js shares its
 * port among threads (SO_REUSEPORT), so two servers of one user would share it too, in silence; and
 * it does not share a port that the system chose.
 * @returns the port; somebody could still take it before it is used
 * @throws Error naming host, port and cause
 */
export async function probePort(host: string, port: number): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "another process listens there" : error.message;
      reject(new Error(`cannot listen on ${host}:${port}: ${why}`, { cause: error }));
    });
    server.listen({ host, port, exclusive: true }, resolve);
  });
  const { port: bound } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return bound;
}
