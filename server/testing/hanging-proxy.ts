import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** An HTTP proxy before one server that never answers what it is told to hold back. */
export interface HangingProxy {
  /** http://127.0.0.1:PORT */
  readonly url: string;
  /** Resolves when a held request has come. */
  readonly held: Promise<void>;
  close(): Promise<void>;
}

/**
 * @param origin http://host:port
 * @param holds paths of which requests get no answer
 */
export async function startHangingProxy(origin: string, holds: RegExp): Promise<HangingProxy> {
  let tellHeld: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    tellHeld = resolve;
  });
  const server = createServer((incoming, outgoing) => {
    if (holds.test(incoming.url ?? "")) tellHeld();
    else forward(origin, incoming, outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    held,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function forward(origin: string, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const { method, headers } = incoming;
  const url = `${origin}${incoming.url ?? ""}`;
  const onward = request(url, { method: method ?? "GET", headers }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  onward.on("error", () => outgoing.destroy());
  incoming.pipe(onward);
}
