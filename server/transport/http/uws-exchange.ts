import type { HttpRequest, HttpResponse } from "uWebSockets.js";
import type { InferError } from "../../../protocols/core/status.ts";
import { createDeferred, type Deferred } from "../../lib/deferred.ts";
import type { BodyBuffer } from "./body-buffer.ts";
import { BodyRead } from "./body-read.ts";
import type { AfterAnswer, HttpExchange } from "./http-exchange.ts";
import { byteLengthOf, joinParts, ONE_WRITE_BYTES } from "./join-parts.ts";
import { RequestHeaders } from "./request-headers.ts";
import { reasonPhrase } from "./status-line.ts";

const SENT = Promise.resolve();

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
  #isReadingStopped = false;
  #read: BodyRead | null = null;
  #sending: LargeSend | null = null;

  /** @param stallMs how long a client may take nothing of a large answer */
  constructor(res: HttpResponse, req: HttpRequest, stallMs: number) {
    this.#res = res;
    this.#stallMs = stallMs;
    this.method = req.getCaseSensitiveMethod().toUpperCase();
    this.path = req.getUrl();
    req.forEach((name, value) => {
      this.headers.add(name, value);
    });
    res.onAborted(() => this.#abort());
  }

  get isReadingStopped(): boolean {
    return this.#isReadingStopped;
  }

  readBody(body: BodyBuffer): Promise<void> {
    const read = new BodyRead(body);
    this.#read = read;
    this.#res.onData((chunk, isLast) => {
      read.take(new Uint8Array(chunk));
      if (isLast) read.finish();
    });
    return read.done;
  }

  stopReading(reason: InferError): void {
    this.#isReadingStopped = true;
    this.#read?.fail(reason);
  }

  respond(
    status: number,
    headers: readonly string[],
    parts: readonly Uint8Array[],
    after: AfterAnswer,
  ): Promise<void> {
    if (this.#isAborted) return SENT;
    const totalBytes = byteLengthOf(parts);
    let sent = SENT;
    this.#res.cork(() => {
      this.#writeHead(status, headers, after === "drain-then-close");
      if (this.method === "HEAD") {
        this.#res.endWithoutBody(totalBytes, after === "close");
      } else if (totalBytes <= ONE_WRITE_BYTES) {
        this.#res.end(joinParts(parts, totalBytes), after === "close");
      } else {
        // tryEnd cannot close afterwards; the header asks the client to.
        if (after === "close") this.#res.writeHeader("connection", "close");
        this.#sending = new LargeSend(this.#res, parts, totalBytes, this.#stallMs);
        sent = this.#sending.start();
      }
    });
    return sent;
  }

  #writeHead(status: number, headers: readonly string[], isLast: boolean): void {
    this.#res.writeStatus(`${status} ${reasonPhrase(status)}`);
    for (let i = 0; i + 1 < headers.length; i += 2) {
      this.#res.writeHeader(headers[i] ?? "", headers[i + 1] ?? "");
    }
    if (isLast) this.#res.writeHeader("connection", "close");
  }

  #abort(): void {
    this.#isAborted = true;
    this.#read?.abort();
    this.#sending?.finish();
  }
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

  start(): Promise<void> {
    if (!this.#pump(0)) {
      this.#res.onWritable((offset) => this.#pump(offset));
      this.#stall = setTimeout(() => this.#res.close(), this.#stallMs);
    }
    return this.#done.promise;
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
