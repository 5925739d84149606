import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import { Buffer } from "node:buffer";
import { createDeferred, type Deferred } from "../../lib/deferred.ts";
import type { Waiter } from "../../request/waiter.ts";
import type { BodyRead } from "./body-read.ts";
import type { AfterAnswer, HttpExchange } from "./http-exchange.ts";
import { byteLengthOf, joinParts, ONE_WRITE_BYTES } from "./join-parts.ts";
import { RequestHeaders } from "./request-headers.ts";
import { reasonPhrase } from "./status-line.ts";

/**
 * An exchange over uWebSockets.js. The request object dies with the route handler, so everything of
 * it is read at once; the response object dies with the answer or the abort, whichever is first.
 */
export class UwsExchange implements HttpExchange {
  readonly method: string;
  readonly path: string;
  readonly headers = new RequestHeaders();
  readonly #res: HttpResponse;
  readonly #stallMs: number;
  #isAborted = false;
  #read: BodyRead | null = null;
  #waiter: Waiter | null = null;
  #sending: LargeSend | null = null;

  /** @param stallMs how long a client may take nothing of a large answer */
  constructor(res: HttpResponse, req: HttpRequest, stallMs: number) {
    this.#res = res;
    this.#stallMs = stallMs;
    const method = req.getCaseSensitiveMethod();
    // The usual one is spared a call.
    this.method = method === "POST" ? method : method.toUpperCase();
    this.path = req.getUrl();
    req.forEach((name, value) => {
      this.headers.add(name, value);
    });
    res.onAborted(() => this.#abort());
  }

  get isReadingStopped(): boolean {
    return this.#read?.isCutShort ?? false;
  }

  readBody(read: BodyRead): void {
    this.#read = read;
    this.#res.onData((chunk, isLast) => read.take(Buffer.from(chunk), isLast));
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
    this.#res.cork(() => this.#write(status, headers, parts, after));
    return this.#sending === null ? null : this.#sending.done;
  }

  #write(
    status: number,
    headers: readonly string[],
    parts: readonly Uint8Array[],
    after: AfterAnswer,
  ): void {
    const res = this.#res;
    const totalBytes = byteLengthOf(parts);
    writeHead(res, status, headers);
    if (after === "drain-then-close") res.writeHeader("connection", "close");
    if (this.method === "HEAD") {
      // No method of ours; the last of its connection for the reason of #writeSmall.
      res.endWithoutBody(totalBytes, true);
    } else if (totalBytes <= ONE_WRITE_BYTES) {
      this.#writeSmall(joinParts(parts, totalBytes), after);
    } else {
      // tryEnd cannot close afterwards; the header asks the client to.
      if (after === "close") res.writeHeader("connection", "close");
      this.#sending = new LargeSend(res, parts, totalBytes, this.#stallMs);
      this.#sending.start();
    }
  }

  /**
   * `end` keeps what the kernel has no room for, without a bound over the answers of a connection:
   * a client that asks and never reads would fill the memory. It is for the last answer alone.
   */
  #writeSmall(body: Uint8Array, after: AfterAnswer): void {
    if (after === "close" || body.byteLength === 0) {
      this.#res.end(body, after === "close");
      return;
    }
    const [, isDone] = this.#res.tryEnd(body, body.byteLength);
    if (isDone) return;
    this.#sending = new LargeSend(this.#res, [body], body.byteLength, this.#stallMs);
    this.#sending.goOn();
  }

  abort(): void {
    if (!this.#isAborted) this.#res.close();
  }

  #abort(): void {
    this.#isAborted = true;
    this.#read?.abort();
    this.#waiter?.leave();
    this.#sending?.finish();
  }
}

/**
 * All headers go as one value with line breaks: each call into the library costs as much as a small
 * body, and it writes a value as it is. (No value of ours holds a line break, see HttpExchange.)
 */
function writeHead(res: HttpResponse, status: number, headers: readonly string[]): void {
  // The library's own default is 200 OK.
  if (status !== 200) res.writeStatus(`${status} ${reasonPhrase(status)}`);
  let value = headers[1] ?? "";
  for (let i = 2; i + 1 < headers.length; i += 2) value += `\r\n${headers[i]}: ${headers[i + 1]}`;
  res.writeHeader(headers[0] ?? "", value);
}

/**
 * An answer that goes out as the client takes it: tryEnd hands the kernel what it has room for and
 * keeps nothing, so that a client that does not read costs no memory beyond the answer itself.
 */
class LargeSend {
  readonly #res: HttpResponse;
  readonly #parts: readonly Uint8Array[];
  readonly #totalBytes: number;
  readonly #stallMs: number;
  readonly #done: Deferred<void> = createDeferred<void>();
  #stall: NodeJS.Timeout | null = null;

  constructor(
    res: HttpResponse,
    parts: readonly Uint8Array[],
    totalBytes: number,
    stallMs: number,
  ) {
    this.#res = res;
    this.#parts = parts;
    this.#totalBytes = totalBytes;
    this.#stallMs = stallMs;
  }

  /** Resolves when the last byte is with the socket, or the client is gone. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  start(): void {
    if (!this.#pump(0)) this.goOn();
  }

  /** Sends what is left of what was begun, as there is room. */
  goOn(): void {
    this.#res.onWritable((offset) => this.#pump(offset));
    this.#stall = setTimeout(() => this.#res.close(), this.#stallMs);
  }

  /** Also when the client went away: the response object is dead then. */
  finish(): void {
    if (this.#stall !== null) clearTimeout(this.#stall);
    this.#stall = null;
    this.#done.resolve();
  }

  /** Sends from `offset` of the body on; false when the client must take some first. */
  #pump(offset: number): boolean {
    this.#stall?.refresh();
    let start = 0;
    for (const part of this.#parts) {
      const end = start + part.byteLength;
      if (end > offset) {
        const rest = offset > start ? part.subarray(offset - start) : part;
        const [isTaken, isDone] = this.#res.tryEnd(rest, this.#totalBytes);
        if (isDone) {
          this.finish();
          return true;
        }
        if (!isTaken) return false;
      }
      start = end;
    }
    return false;
  }
}
