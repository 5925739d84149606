import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

export interface MetricsListener {
  readonly port: number;
  close(): Promise<void>;
}

const SCRAPE_TIMEOUT_MS = 10_000;

/**
 * Serves GET /metrics on a port of its own, so that a scrape never waits behind requests.
 * @param port 0 takes a free one
 * @throws Error naming host and port when they cannot be bound
 */
export async function startMetricsListener(
  registry: Registry,
  host: string,
  port: number,
): Promise<MetricsListener> {
  const server = createServer((request, response) => {
    if (request.method !== "GET" || request.url?.split("?")[0] !== "/metrics") {
      response
        .writeHead(404, { "content-type": "text/plain" })
        .end("GET /metrics is all there is\n");
      return;
    }
    registry.metrics().then(
      (text) => response.writeHead(200, { "content-type": registry.contentType }).end(text),
      () => response.writeHead(500).end("the metrics could not be collected\n"),
    );
  });
  server.requestTimeout = SCRAPE_TIMEOUT_MS;
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    // Lasting: later ones are connections that could not be taken (EMFILE), and the port stays open.
    server.on("error", (error) => {
      reject(new Error(`cannot serve metrics on ${host}:${port}: ${error.message}`));
    });
    server.listen(port, host, resolve);
  });
}
