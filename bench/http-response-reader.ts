import { InferError } from "../protocols/core/status.ts";

/** One HTTP/1.1 response. */
export interface HttpResponse {
  readonly status: number;
  /** `Inference-Header-Content-Length`, or null. */
  readonly jsonBytes: number | null;
  readonly keepsAlive: boolean;
  /** Empty when it was not kept. */
  readonly body: Buffer;
}

interface Head {
  readonly status: number;
  readonly jsonBytes: number | null;
  readonly keepsAlive: boolean;
  /** null: chunked. */
  readonly bodyBytes: number | null;
}

const EMPTY = Buffer.alloc(0);
const HEAD_END = Buffer.from("\r\n\r\n");
const MAX_HEAD_BYTES = 64 * 1024;

/**
 * Reads the responses of one connection, one at a time, and no more of them than a load generator
 * needs: the status, where the body ends, and the body itself only if it is asked for. Node's own
 * HTTP client costs several times as much per request, on the machine that is being measured.
 */
export class HttpResponseReader {
  #pending: Buffer = EMPTY;
  #head: Head | null = null;
  #keepsBody = false;
  /** Body bytes seen so far; of a body of known length that is not kept, they are only counted. */
  #seenBytes = 0;
  #parts: Buffer[] = [];

  /** Prepares for the next response. */
  expect(keepsBody: boolean): void {
    this.#head = null;
    this.#pending = EMPTY;
    this.#keepsBody = keepsBody;
    this.#seenBytes = 0;
    if (this.#parts.length > 0) this.#parts = [];
  }

  /**
   * Takes what the socket gave; the response once it is whole, else null. Keeps nothing of `chunk`,
   * whose memory the next one may reuse.
   * @throws InferError `unavailable` for what is not HTTP/1.x
   */
  push(chunk: Buffer): HttpResponse | null {
    let rest = chunk;
    if (this.#head === null) {
      const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
      const end = bytes.indexOf(HEAD_END);
      if (end === -1) {
        if (bytes.length > MAX_HEAD_BYTES) throw notHttp("headers of more than 64 KiB");
        this.#pending = bytes === chunk ? Buffer.from(chunk) : bytes;
        return null;
      }
      this.#head = readHead(bytes.toString("latin1", 0, end + 2));
      rest = bytes.subarray(end + HEAD_END.length);
      this.#keepsBody ||= this.#head.status !== 200;
    }
    return this.#takeBody(this.#head, rest);
  }

  #takeBody(head: Head, rest: Buffer): HttpResponse | null {
    this.#seenBytes += rest.length;
    if (this.#keepsBody || head.bodyBytes === null) this.#parts.push(Buffer.from(rest));
    if (head.bodyBytes === null) {
      const body = tryDecodeChunks(Buffer.concat(this.#parts));
      return body === null ? null : respond(head, body);
    }
    if (this.#seenBytes < head.bodyBytes) return null;
    if (this.#seenBytes > head.bodyBytes) {
      throw notHttp(`${this.#seenBytes - head.bodyBytes} bytes past the end of the body`);
    }
    return respond(head, this.#parts.length === 0 ? EMPTY : Buffer.concat(this.#parts));
  }
}

function respond(head: Head, body: Buffer): HttpResponse {
  return { status: head.status, jsonBytes: head.jsonBytes, keepsAlive: head.keepsAlive, body };
}

/** A server repeats itself: most heads of a load are one of a few, to the byte. */
const KNOWN_HEADS = new Map<string, Head>();
const MAX_KNOWN_HEADS = 64;

function readHead(text: string): Head {
  const known = KNOWN_HEADS.get(text);
  if (known !== undefined) return known;
  if (KNOWN_HEADS.size >= MAX_KNOWN_HEADS) KNOWN_HEADS.clear();
  const head = parseHead(text);
  KNOWN_HEADS.set(text, head);
  return head;
}

function parseHead(head: string): Head {
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
  if (status === undefined) throw notHttp(JSON.stringify(head.slice(0, 40)));
  const length = header(head, "content-length");
  const isChunked = /chunked/i.test(header(head, "transfer-encoding") ?? "");
  if (length === null && !isChunked) throw notHttp("neither content-length nor chunked encoding");
  const jsonBytes = header(head, "inference-header-content-length");
  return {
    status: Number(status),
    jsonBytes: jsonBytes === null ? null : Number(jsonBytes),
    keepsAlive: !/close/i.test(header(head, "connection") ?? ""),
    bodyBytes: isChunked ? null : Number(length),
  };
}

const HEADER_PATTERNS = new Map<string, RegExp>();

function header(head: string, name: string): string | null {
  let pattern = HEADER_PATTERNS.get(name);
  if (pattern === undefined) {
    pattern = new RegExp(`\r\n${name}:[ \t]*([^\r]*)\r\n`, "i");
    HEADER_PATTERNS.set(name, pattern);
  }
  return pattern.exec(head)?.[1]?.trim() ?? null;
}

/** RFC 9112 §7.1; null until the last chunk is there. Trailers are not expected. */
function tryDecodeChunks(bytes: Buffer): Buffer | null {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (Number.isNaN(size)) throw notHttp("a chunk without a size");
    const start = lineEnd + 2;
    if (bytes.length < start + size + 2) return null;
    if (size === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(start, start + size));
    at = start + size + 2;
  }
}

function notHttp(got: string): InferError {
  return new InferError("unavailable", `expected an HTTP/1.1 response, got ${got}`);
}
