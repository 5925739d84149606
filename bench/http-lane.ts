import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { InferError, toInferError } from "../protocols/core/status.ts";
import { decodeRestResponse, encodeRestRequest } from "../protocols/oip-rest/client-codec.ts";
import { decodeErrorBody } from "../protocols/oip-rest/error-body.ts";
import { type HttpResponse, HttpResponseReader } from "./http-response-reader.ts";
import { ANSWERED, type Lane, type Outcome } from "./lane.ts";
import type { LoadPlan } from "./load-plan.ts";

/** Whole requests, head and body, ready to be written. */
export function encodeHttpRequests(plan: LoadPlan, url: URL): Buffer[] {
  const binary = plan.protocol === "http-binary";
  const version = plan.model.version;
  const path = [
    url.pathname.replace(/\/$/, ""),
    `/v2/models/${encodeURIComponent(plan.model.name)}`,
    version === null ? "" : `/versions/${encodeURIComponent(version)}`,
    "/infer",
  ].join("");
  return plan.inputs.map((input) => {
    const { body, jsonBytes } = encodeRestRequest({ ...input, id: null }, { binary });
    const head = [
      `POST ${path} HTTP/1.1`,
      `host: ${url.host}`,
      `content-type: ${jsonBytes === null ? "application/json" : "application/octet-stream"}`,
      `content-length: ${body.byteLength}`,
      ...(jsonBytes === null ? [] : [`inference-header-content-length: ${jsonBytes}`]),
      ...(plan.deadlineMs === null ? [] : [`x-request-timeout-ms: ${Math.ceil(plan.deadlineMs)}`]),
      ...(plan.apiKey === null ? [] : [`authorization: Bearer ${plan.apiKey}`]),
      "\r\n",
    ];
    return Buffer.concat([Buffer.from(head.join("\r\n"), "latin1"), body]);
  });
}

/** Asks for nothing that costs the server more than the connection. */
export function livenessProbe(url: URL): Buffer {
  const path = `${url.pathname.replace(/\/$/, "")}/v2/health/live`;
  return Buffer.from(`GET ${path} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`, "latin1");
}

const EMPTY = Buffer.alloc(0);
/** What a socket gives at once; answers of a megabyte come in pieces of this. */
const READ_BUFFER_BYTES = 64 * 1024;

/** A kept-alive HTTP/1.1 connection on a bare socket. */
export class HttpLane implements Lane {
  readonly #url: URL;
  readonly #requests: readonly Buffer[];
  readonly #timeoutMs: number;
  readonly #reader = new HttpResponseReader();
  #socket: Socket | null = null;
  #settle: ((outcome: Outcome) => void) | null = null;
  /** One for the lane's whole life, started again by each request: cheaper than one a request. */
  #timer: NodeJS.Timeout | null = null;
  #wantsAnswer = false;

  /** @param requests shared by the lanes of a thread */
  constructor(url: URL, requests: readonly Buffer[], timeoutMs: number) {
    this.#url = url;
    this.#requests = requests;
    this.#timeoutMs = timeoutMs;
  }

  send(index: number, wantsAnswer: boolean): Promise<Outcome> {
    this.#wantsAnswer = wantsAnswer;
    this.#reader.expect(wantsAnswer);
    return new Promise((settle) => {
      this.#settle = settle;
      if (this.#timer === null) this.#timer = setTimeout(this.#expire, this.#timeoutMs);
      else this.#timer.refresh();
      this.#socket ??= this.#connect();
      this.#socket.write(this.#requests[index] ?? EMPTY);
    });
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#fail(new InferError("cancelled", "the lane was closed"));
  }

  #connect(): Socket {
    const host = this.#url.hostname.replace(/^\[|\]$/g, "");
    const isTls = this.#url.protocol === "https:";
    const port = Number(this.#url.port || (isTls ? 443 : 80));
    const socket = isTls ? this.#connectTls(host, port) : this.#connectPlain(host, port);
    socket.setNoDelay(true);
    // Late events of a socket that was given up must not fail the request on its successor.
    socket.on("error", (error) => this.#lose(socket, error.message || String(error)));
    socket.on("close", () => this.#lose(socket, "the server closed the connection"));
    return socket;
  }

  #connectTls(host: string, port: number): Socket {
    const socket = connectTls({ host, port, servername: host });
    socket.on("data", (chunk: Buffer) => this.#receive(socket, chunk));
    return socket;
  }

  /** Into one buffer for ever: nothing is allocated or queued for what arrives. */
  #connectPlain(host: string, port: number): Socket {
    const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
    const callback = (bytes: number): boolean => {
      this.#receive(socket, buffer.subarray(0, bytes));
      return true;
    };
    const socket = connectPlain({ host, port, onread: { buffer, callback } });
    return socket;
  }

  #receive(socket: Socket, chunk: Buffer): void {
    if (socket !== this.#socket) return;
    try {
      const response = this.#reader.push(chunk);
      if (response !== null) this.#finish(response);
    } catch (thrown) {
      this.#fail(toInferError(thrown));
    }
  }

  #finish(response: HttpResponse): void {
    if (!response.keepsAlive) this.#dropSocket();
    if (response.status !== 200) {
      this.#resolve({ failure: decodeErrorBody(response.status, response.body), answer: null });
    } else if (this.#wantsAnswer) {
      const answer = decodeRestResponse(response.body, response.jsonBytes);
      this.#resolve({ failure: null, answer });
    } else {
      this.#resolve(ANSWERED);
    }
  }

  readonly #expire = (): void => {
    if (this.#settle === null) return;
    const why = `${this.#url.origin} did not answer within ${this.#timeoutMs} ms`;
    this.#fail(new InferError("deadline-exceeded", why));
  };

  #lose(socket: Socket, why: string): void {
    if (socket !== this.#socket) return;
    this.#fail(new InferError("unavailable", `${this.#url.origin}: ${why}`));
  }

  #fail(failure: InferError): void {
    this.#dropSocket();
    this.#resolve({ failure, answer: null });
  }

  #dropSocket(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.destroy();
  }

  #resolve(outcome: Outcome): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(outcome);
  }
}
