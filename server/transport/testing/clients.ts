import { type IncomingHttpHeaders, request } from "node:http";
import { connect, type Socket } from "node:net";
import { WebSocket } from "ws";
import { createDeferred } from "../../lib/deferred.ts";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Uint8Array;
  /** Parsed body; null where it is no JSON. */
  readonly json: JsonBody;
}

// biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came.
export type JsonBody = any;

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** One request over a connection of its own. */
export function ask(port: number, path: string, options: Ask = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const method = options.method ?? (options.body === undefined ? "GET" : "POST");
    const length = { "content-length": String(Buffer.byteLength(options.body ?? "")) };
    const headers = { ...(options.body === undefined ? {} : length), ...options.headers };
    const target = { port, host: "127.0.0.1", path, method, headers, agent: false } as const;
    const req = request(target, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("error", reject);
      res.on("end", () => {
        const bytes = Buffer.concat(chunks);
        resolve({ status: res.statusCode ?? 0, headers: res.headers, bytes, json: parse(bytes) });
      });
    });
    req.on("error", reject);
    req.end(options.body);
  });
}

function parse(bytes: Buffer): JsonBody {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return null;
  }
}

/** The body of an inference over one FP32 vector. */
export function inferBody(values: readonly number[], extra: object = {}): string {
  const input = { name: "x", shape: [values.length], datatype: "FP32", data: values };
  return JSON.stringify({ ...extra, inputs: [input] });
}

/** Resolves when the predicate holds; yields to the event loop between looks. */
export async function until(what: string, predicate: () => boolean, timeoutMs = 8000) {
  const end = Date.now() + timeoutMs;
  while (!predicate()) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A bare TCP connection. */
export class RawClient {
  readonly socket: Socket;
  text = "";
  receivedBytes = 0;
  isClosed = false;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (chunk) => {
      this.receivedBytes += chunk.byteLength;
      if (this.text.length < 1024 * 1024) this.text += chunk.toString("latin1");
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.isClosed = true;
    });
  }

  write(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** Until `count` whole answers have come, or the server closed. */
  async answers(count: number): Promise<readonly string[]> {
    const split = () => this.text.split(/(?=HTTP\/1\.1 \d)/);
    const isWhole = (answer: string) => {
      const end = answer.indexOf("\r\n\r\n");
      const length = /content-length: (\d+)/i.exec(answer);
      return end > 0 && answer.length >= end + 4 + Number(length?.[1] ?? 0);
    };
    await until(
      `${count} answers in ${JSON.stringify(this.text.slice(0, 200))}`,
      () => this.isClosed || (split().length >= count && split().every(isWhole)),
    );
    return this.text === "" ? [] : split();
  }

  async waitClosed(): Promise<void> {
    await until("the server to close", () => this.isClosed);
  }

  destroy(): void {
    this.socket.destroy();
  }
}

/** A WebSocket that keeps what came. */
export class StreamClient {
  readonly ws: WebSocket;
  readonly frames: JsonBody[] = [];
  closed: { code: number; reason: string } | null = null;
  /** Status and body of a refused upgrade. */
  refused: { status: number; json: JsonBody; headers: IncomingHttpHeaders } | null = null;
  upgradeHeaders: IncomingHttpHeaders = {};
  readonly #settled = createDeferred<void>();

  constructor(
    port: number,
    path: string,
    headers: Readonly<Record<string, string>> = {},
    protocols: string[] = [],
  ) {
    this.ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, { headers });
    this.ws.on("open", () => this.#settled.resolve());
    this.ws.on("upgrade", (res) => {
      this.upgradeHeaders = res.headers;
    });
    this.ws.on("error", () => this.#settled.resolve());
    this.ws.on("message", (data) => this.frames.push(JSON.parse(String(data))));
    this.ws.on("close", (code, reason) => {
      this.closed = { code, reason: reason.toString("utf8") };
      this.#settled.resolve();
    });
    this.ws.on("unexpected-response", (_req, res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("end", () => {
        const json = parse(Buffer.concat(chunks));
        this.refused = { status: res.statusCode ?? 0, json, headers: res.headers };
        this.#settled.resolve();
      });
    });
  }

  /** Open or refused. */
  async settled(): Promise<this> {
    await this.#settled.promise;
    return this;
  }

  send(frame: object): void {
    this.ws.send(JSON.stringify(frame));
  }

  infer(id: string, values: readonly number[], extra: object = {}): void {
    this.ws.send(inferBody(values, { id, ...extra }));
  }

  async waitFrames(count: number): Promise<readonly JsonBody[]> {
    await until(`${count} frames, have ${this.frames.length}`, () => this.frames.length >= count);
    return this.frames;
  }

  async waitClosed(): Promise<{ code: number; reason: string }> {
    await until("the WebSocket to close", () => this.closed !== null);
    return this.closed ?? { code: 0, reason: "" };
  }
}
