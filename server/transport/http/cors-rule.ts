import type { AfterAnswer, HttpExchange } from "./http-exchange.ts";

/** How long a browser may remember a preflight answer; Chromium keeps none for longer. */
const MAX_AGE_SECS = 7200;
const METHODS = "GET, POST";
/** What a page may send: all that the server reads and a browser does not set by itself. */
const REQUEST_HEADERS = [
  "authorization",
  "content-encoding",
  "content-type",
  "inference-header-content-length",
  "want-server-timing",
  "x-api-key",
  "x-request-id",
  "x-request-timeout-ms",
].join(", ");
/** What a page may read of an answer beyond the seven headers that are always open to it. */
const ANSWER_HEADERS = [
  "inference-header-content-length",
  "ratelimit",
  "ratelimit-policy",
  "retry-after",
  "server-timing",
  "sluice-inference-id",
  "x-request-id",
].join(", ");

/**
 * Cross-origin requests of web pages (Fetch standard, CORS protocol) for a list of exact origins. No
 * answer allows credentials: keys travel in headers that the page itself sets. An origin that is not
 * on the list is served as if there were no such rule, and its browser keeps the answer from the page.
 */
export class CorsRule {
  readonly #origins: ReadonlySet<string>;

  /** @param origins as browsers write them: `https://app.example`, without a path */
  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** The exchange to serve; null where this was a preflight request, which is answered. */
  admit(exchange: HttpExchange): HttpExchange | null {
    const origin = exchange.headers.get("origin");
    if (origin === null || !this.#origins.has(origin)) return exchange;
    if (!isPreflight(exchange)) return new CorsExchange(exchange, origin);
    // The end of its connection: an answer without a body would wait in the socket for a client that
    // does not read, and one that asks again and again would fill it.
    void exchange.respond(200, preflightHeaders(origin), [], "close");
    return null;
  }
}

function isPreflight({ method, headers }: HttpExchange): boolean {
  return (
    method === "OPTIONS" &&
    headers.get("access-control-request-method") !== null &&
    headers.isFramingSound() &&
    headers.bodyLength() === 0
  );
}

function preflightHeaders(origin: string): readonly string[] {
  return [
    ...["access-control-allow-origin", origin],
    ...["access-control-allow-methods", METHODS],
    ...["access-control-allow-headers", REQUEST_HEADERS],
    ...["access-control-max-age", String(MAX_AGE_SECS)],
    ...["vary", "origin"],
  ];
}

/** An exchange whose answers an origin may read. */
class CorsExchange implements HttpExchange {
  readonly #inner: HttpExchange;
  readonly #origin: string;

  constructor(inner: HttpExchange, origin: string) {
    this.#inner = inner;
    this.#origin = origin;
  }

  get method(): string {
    return this.#inner.method;
  }

  get path(): string {
    return this.#inner.path;
  }

  get headers(): HttpExchange["headers"] {
    return this.#inner.headers;
  }

  get isReadingStopped(): boolean {
    return this.#inner.isReadingStopped;
  }

  readBody(read: Parameters<HttpExchange["readBody"]>[0]): void {
    this.#inner.readBody(read);
  }

  tellGone(waiter: Parameters<HttpExchange["tellGone"]>[0]): void {
    this.#inner.tellGone(waiter);
  }

  respond(
    status: number,
    headers: readonly string[],
    parts: readonly Uint8Array[],
    after: AfterAnswer,
  ): Promise<void> | null {
    const open = [
      ...headers,
      ...["access-control-allow-origin", this.#origin],
      ...["access-control-expose-headers", ANSWER_HEADERS],
      ...["vary", "origin"],
    ];
    return this.#inner.respond(status, open, parts, after);
  }

  abort(): void {
    this.#inner.abort();
  }
}
