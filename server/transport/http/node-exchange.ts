import type { IncomingMessage, ServerResponse } from "node:http";
import type { Waiter } from "../../request/waiter.ts";
import type { BodyRead } from "./body-read.ts";
import type { AfterAnswer, HttpExchange } from "./http-exchange.ts";
import { byteLengthOf, joinParts, ONE_WRITE_BYTES } from "./join-parts.ts";
import { headersOf } from "./node-headers.ts";
import type { RequestHeaders } from "./request-headers.ts";

/** How long the unread rest of a refused body is thrown away before the connection closes. */
const LINGER_MS = 2000;

/** An exchange over node:http. */
export class NodeExchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly headers: RequestHeaders;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #stallMs: number;
  /** The client asked for `100 Continue` before it sends its body. */
  readonly #mustContinue: boolean;
  #isAborted = false;
  #read: BodyRead | null = null;
  #waiter: Waiter | null = null;
  /** Tells that the answer is out, or never will be; null before it is begun. */
  #sent: (() => void) | null = null;

  /** @param stallMs how long a client may take nothing of an answer */
  constructor(req: IncomingMessage, res: ServerResponse, stallMs: number, mustContinue: boolean) {
    this.#req = req;
    this.#res = res;
    this.#stallMs = stallMs;
    this.#mustContinue = mustContinue;
    this.method = req.method ?? "";
    this.path = req.url ?? "";
    this.headers = headersOf(req);
    res.on("close", () => this.#closed());
  }

  get isReadingStopped(): boolean {
    return this.#read?.isCutShort ?? false;
  }

  readBody(read: BodyRead): void {
    this.#read = read;
    this.#req.on("data", (chunk: Uint8Array) => read.take(chunk, false));
    this.#req.on("end", () => read.finish());
    if (this.#mustContinue) this.#res.writeContinue();
  }

  tellGone(waiter: Waiter): void {
    this.#waiter = waiter;
    // Inflating a body takes time, in which he may have gone.
    if (this.#isAborted) waiter.leave();
  }

  respond(
    status: number,
    headers: readonly string[],
    parts: readonly Uint8Array[],
    after: AfterAnswer,
  ): Promise<void> | null {
    if (this.#isAborted) return null;
    const res = this.#res;
    const totalBytes = byteLengthOf(parts);
    const head = [...headers, "content-length", String(totalBytes)];
    if (after !== "keep-alive") head.push("connection", "close");
    return new Promise((resolve) => {
      this.#sent = resolve;
      res.once("finish", resolve);
      res.once("close", resolve);
      res.writeHead(status, head);
      if (totalBytes <= ONE_WRITE_BYTES) {
        this.#write(joinParts(parts, totalBytes));
      } else {
        for (const part of parts) this.#write(part);
      }
      // The server of node:http destroys a socket that makes no progress for this long; its own
      // keep-alive timeout takes over when the answer is out.
      if (res.writableNeedDrain) res.socket?.setTimeout(this.#stallMs);
      if (after === "drain-then-close" && !this.#req.complete) this.#endAfterBody();
      else res.end();
    });
  }

  /** Its `close` does not come for an answer that waits behind another of its connection. */
  connectionClosed(): void {
    this.#closed();
    this.#sent?.();
  }

  abort(): void {
    this.#res.destroy();
  }

  #write(part: Uint8Array): void {
    if (part.byteLength > 0) this.#res.write(part);
  }

  /** The answer is whole by its Content-Length; `end`, which closes, waits until the client has sent all. */
  #endAfterBody(): void {
    const res = this.#res;
    const end = () => res.end();
    const timer = setTimeout(end, LINGER_MS);
    this.#req.once("end", end);
    res.once("close", () => clearTimeout(timer));
    this.#req.resume();
  }

  #closed(): void {
    if (this.#res.writableFinished) return;
    this.#isAborted = true;
    this.#read?.abort();
    this.#waiter?.leave();
  }
}
