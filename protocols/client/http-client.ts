import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { decodeLabelAnswer, encodeLabelRequest, type Label } from "../capture/label-request.ts";
import type { InferResponse, ModelRef } from "../core/infer.ts";
import { InferError } from "../core/status.ts";
import { decodeRestResponse, encodeRestRequest } from "../oip-rest/client-codec.ts";
import { decodeErrorBody } from "../oip-rest/error-body.ts";
import { decodeModelMetadata } from "../oip-rest/messages.ts";
import { exchange, type HttpReply } from "./http-exchange.ts";
import type {
  ClientOptions,
  ControlClient,
  InferenceClient,
  InferInput,
  LabelClient,
  ModelDescription,
} from "./inference-client.ts";

export interface HttpClientOptions extends ClientOptions {
  /** Tensors as bytes after the JSON (binary_tensor_data extension), both ways. */
  readonly binary: boolean;
  /** Connections at most; calls beyond wait for one. */
  readonly maxSockets: number;
}

const JSON_BYTES_HEADER = "inference-header-content-length";

/**
 * A client of any Open Inference Protocol v2 server over HTTP/1.1 with kept-alive connections.
 * @param baseUrl http(s)://host:port, with a path prefix where a proxy wants one
 * @throws InferError `invalid-argument` when baseUrl is not an http(s) URL
 */
export function createHttpClient(
  baseUrl: string,
  options: HttpClientOptions,
): InferenceClient & ControlClient & LabelClient {
  return new HttpClient(parseBaseUrl(baseUrl), options);
}

class HttpClient implements InferenceClient, ControlClient, LabelClient {
  readonly protocol = "http";
  readonly #base: string;
  readonly #options: HttpClientOptions;
  readonly #agent: HttpAgent | HttpsAgent;
  #isClosed = false;

  constructor(base: URL, options: HttpClientOptions) {
    this.#base = base.href.replace(/\/$/, "");
    this.#options = options;
    const Agent = base.protocol === "https:" ? HttpsAgent : HttpAgent;
    const { maxSockets, caPem = null } = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets, ...(caPem !== null && { ca: caPem }) });
  }

  async infer(ref: ModelRef, input: InferInput): Promise<InferResponse> {
    const { body, jsonBytes } = encodeRestRequest(
      { ...input, id: null },
      { binary: this.#options.binary },
    );
    const headers: Record<string, string> = {
      "content-type": jsonBytes === null ? "application/json" : "application/octet-stream",
      "content-length": String(body.byteLength),
    };
    if (jsonBytes !== null) headers[JSON_BYTES_HEADER] = String(jsonBytes);
    const reply = await this.#call("POST", `${modelPath(ref)}/infer`, headers, body);
    if (reply.status !== 200) throw failureOf(reply);
    return decodeRestResponse(reply.body, jsonBytesOf(reply));
  }

  async isServerReady(): Promise<boolean> {
    return isReady(await this.#get("/v2/health/ready"));
  }

  async isModelReady(ref: ModelRef): Promise<boolean> {
    return isReady(await this.#get(`${modelPath(ref)}/ready`));
  }

  async describe(ref: ModelRef): Promise<ModelDescription> {
    const reply = await this.#get(modelPath(ref));
    if (reply.status !== 200) throw failureOf(reply);
    return decodeModelMetadata(reply.body);
  }

  async label(model: string, labels: readonly Label[]): Promise<number> {
    const body = encodeLabelRequest(labels);
    const headers = {
      "content-type": "application/json",
      "content-length": String(body.byteLength),
    };
    const path = `${modelPath({ name: model, version: null })}/labels`;
    const reply = await this.#call("POST", path, headers, body);
    if (reply.status !== 200) throw failureOf(reply);
    return decodeLabelAnswer(reply.body);
  }

  /** Calls in flight end as `unavailable`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#agent.destroy();
  }

  #get(path: string): Promise<HttpReply> {
    return this.#call("GET", path, {}, null);
  }

  async #call(
    method: "GET" | "POST",
    path: string,
    headers: Record<string, string>,
    body: Uint8Array | null,
  ): Promise<HttpReply> {
    if (this.#isClosed) throw new InferError("unavailable", "the client is closed");
    const { apiKey, timeoutMs } = this.#options;
    if (apiKey !== null) headers["authorization"] = `Bearer ${apiKey}`;
    return exchange({
      method,
      url: new URL(`${this.#base}${path}`),
      headers,
      body,
      agent: this.#agent,
      timeoutMs,
      mayRetry: () => !this.#isClosed,
    });
  }
}

function parseBaseUrl(baseUrl: string): URL {
  if (/^https?:\/\//i.test(baseUrl) && URL.canParse(baseUrl)) return new URL(baseUrl);
  throw new InferError(
    "invalid-argument",
    `expected an http:// or https:// URL, got ${JSON.stringify(baseUrl)}`,
  );
}

function modelPath(ref: ModelRef): string {
  const model = `/v2/models/${encodeURIComponent(ref.name)}`;
  return ref.version === null ? model : `${model}/versions/${encodeURIComponent(ref.version)}`;
}

function failureOf({ status, body, headers }: HttpReply): InferError {
  return decodeErrorBody(status, body, headers["retry-after"] ?? null);
}

/** The protocol leaves the "no" open: Triton answers 400, others 503 (oip: Server Ready API). */
function isReady(reply: HttpReply): boolean {
  if (reply.status === 200) return true;
  if (reply.status === 400 || reply.status === 503) return false;
  throw failureOf(reply);
}

/** @throws InferError `internal` when the server's header is no number of bytes in the body */
function jsonBytesOf(reply: HttpReply): number | null {
  const text = reply.headers[JSON_BYTES_HEADER];
  if (text === undefined) return null;
  const bytes = Number(text);
  if (Number.isSafeInteger(bytes) && bytes >= 0 && bytes <= reply.body.byteLength) return bytes;
  throw new InferError(
    "internal",
    `the server's ${JSON_BYTES_HEADER} is '${String(text)}' of a body of ${reply.body.byteLength} bytes`,
  );
}
