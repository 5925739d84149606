import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpExchange } from "../http/http-exchange.ts";
import { byteLengthOf } from "../http/join-parts.ts";
import { headersOf } from "../http/node-headers.ts";
import { RequestHeaders } from "../http/request-headers.ts";
import { reasonPhrase } from "../http/status-line.ts";

/**
 * A request of node:http that has a bare socket and no response object: an upgrade, or bytes that do
 * not parse (`req` is null then). It can only be refused.
 */
export class UpgradeExchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly headers: RequestHeaders;
  readonly isReadingStopped = false;
  readonly #socket: Duplex;

  constructor(req: IncomingMessage | null, socket: Duplex) {
    this.method = req?.method ?? "";
    this.path = req?.url ?? "";
    this.headers = req === null ? new RequestHeaders() : headersOf(req);
    this.#socket = socket;
    // Without a listener, a client that resets the connection would end the process.
    socket.on("error", () => socket.destroy());
  }

  readBody(): void {
    throw new Error("an upgrade has no body");
  }

  tellGone(): void {
    // An upgrade is judged at once: nobody waits for it.
  }

  /** Always the last answer of its connection. */
  respond(status: number, headers: readonly string[], parts: readonly Uint8Array[]): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve();
    let head = `HTTP/1.1 ${status} ${reasonPhrase(status)}\r\n`;
    for (let i = 0; i + 1 < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
    head += `content-length: ${byteLengthOf(parts)}\r\nconnection: close\r\n\r\n`;
    return new Promise((resolve) => {
      this.#socket.once("close", resolve);
      this.#socket.write(head);
      for (const part of parts) this.#socket.write(part);
      this.#socket.end(() => this.#socket.destroy());
    });
  }

  abort(): void {
    this.#socket.destroy();
  }
}
