import {
  type Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
} from "node:http";
import { type Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { InferError } from "../core/status.ts";

/** One HTTP request; the agent decides on connections. */
export interface HttpCall {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** null: no body. */
  readonly body: Uint8Array | null;
  readonly agent: Agent | HttpsAgent;
  /** From now to the last byte of the answer. */
  readonly timeoutMs: number;
  /** May the call be sent again on a fresh connection? Asked when a kept one proves closed. */
  mayRetry(): boolean;
}

export interface HttpReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: IncomingMessage["headers"];
  readonly body: Uint8Array;
}

/**
 * Sends one request and reads the whole answer, whatever its status.
 * @throws InferError `deadline-exceeded` after timeoutMs, `unavailable` for a broken connection
 */
export async function exchange(call: HttpCall): Promise<HttpReply> {
  const deadlineMs = performance.now() + call.timeoutMs;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await sendOnce(call, deadlineMs - performance.now());
    } catch (thrown) {
      if (!(thrown instanceof StaleSocket)) throw thrown;
      if (attempt >= MAX_ATTEMPTS || !call.mayRetry()) throw unavailable(call.url, thrown.cause);
    }
  }
}

/** Each attempt may meet one more kept socket that the server closed meanwhile. */
const MAX_ATTEMPTS = 3;

/** The server closed a kept-alive socket just as it was taken for a request: no answer began. */
class StaleSocket extends Error {}

function sendOnce(call: HttpCall, timeoutMs: number): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const send = call.url.protocol === "https:" ? httpsRequest : httpRequest;
    const { method, headers, agent } = call;
    const request = send(call.url, { method, headers, agent });
    const settle = new Settler(request, call, Math.max(0, timeoutMs), resolve, reject);
    request.on("response", (response) => settle.read(response));
    request.on("error", (error) => settle.fail(error));
    request.end(call.body ?? undefined);
  });
}

/** Settles one attempt once, whichever of answer, error and deadline comes first. */
class Settler {
  readonly #request: ClientRequest;
  readonly #url: URL;
  readonly #resolve: (reply: HttpReply) => void;
  readonly #reject: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;
  #hasAnswerBegun = false;

  constructor(
    request: ClientRequest,
    call: HttpCall,
    timeoutMs: number,
    resolve: (reply: HttpReply) => void,
    reject: (error: Error) => void,
  ) {
    this.#request = request;
    this.#url = call.url;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#expire(call.timeoutMs), timeoutMs);
  }

  read(response: IncomingMessage): void {
    this.#hasAnswerBegun = true;
    const parts: Uint8Array[] = [];
    response.on("data", (part: Uint8Array) => parts.push(part));
    // A reset in mid-body is an 'error' of the response, not of the request.
    response.on("error", (error) => this.fail(error));
    response.on("end", () => {
      clearTimeout(this.#timer);
      const body = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
      this.#resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
    });
  }

  fail(error: Error): void {
    clearTimeout(this.#timer);
    const isStale = this.#request.reusedSocket && !this.#hasAnswerBegun && isReset(error);
    this.#reject(
      isStale ? new StaleSocket("stale", { cause: error }) : unavailable(this.#url, error),
    );
  }

  #expire(timeoutMs: number): void {
    this.#reject(
      new InferError(
        "deadline-exceeded",
        `${this.#url.origin} did not answer within ${timeoutMs} ms`,
      ),
    );
    this.#request.destroy();
  }
}

function isReset(error: Error & { code?: string }): boolean {
  return error.code === "ECONNRESET" || error.code === "EPIPE";
}

function unavailable(url: URL, cause: unknown): InferError {
  const why = cause instanceof Error ? describe(cause) : "the connection broke";
  return new InferError("unavailable", `${url.origin}: ${why}`, { cause });
}

/** A refused connection to a name with several addresses has an empty message and a code. */
function describe(error: Error & { code?: string }): string {
  return error.message !== "" ? error.message : (error.code ?? error.name);
}
