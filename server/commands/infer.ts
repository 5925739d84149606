import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { createGrpcClient } from "../../protocols/client/grpc-client.ts";
import { createHttpClient } from "../../protocols/client/http-client.ts";
import type { ClientOptions, InferenceClient } from "../../protocols/client/inference-client.ts";
import { createWebSocketClient } from "../../protocols/client/websocket-client.ts";
import type { ModelRef } from "../../protocols/core/infer.ts";
import { InferError } from "../../protocols/core/status.ts";
import { CLIENT_LIMITS, plainRequest } from "../../protocols/oip-rest/client-codec.ts";
import { oipRestCodec } from "../../protocols/oip-rest/infer-codec.ts";
import { type TextSink, UsageError } from "./io.ts";

export type InferProtocol = InferenceClient["protocol"];

/** One inference, as the command line gives it. */
export interface InferArgs extends ModelRef {
  readonly protocol: InferProtocol;
  /** null: the protocol's default port on this machine. */
  readonly url: string | null;
  /** File with an inference request in JSON; `-` is standard input. */
  readonly input: string;
  readonly apiKey: string | null;
  readonly timeoutMs: number;
  /** PEM file of the authorities to trust instead of Node.js's own; null for those. */
  readonly caFile: string | null;
}

export interface InferIo {
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdout: TextSink;
  /** Relative paths start here. */
  readonly cwd: string;
}

const DEFAULT_URLS: Readonly<Record<InferProtocol, string>> = {
  http: "http://127.0.0.1:8000",
  grpc: "127.0.0.1:8001",
  websocket: "ws://127.0.0.1:8000",
};
const STREAM_PATH = "/v2/stream";

/**
 * `sluice infer`: sends the request over the protocol asked for and prints the answer as JSON, the
 * same for every protocol. Works with any Open Inference Protocol v2 server (websocket: Sluice).
 * @throws Error whose message begins with the code of errors.md; UsageError for an input that
 *   cannot be read
 */
export async function runInfer(args: InferArgs, io: InferIo): Promise<number> {
  const body = await readInput(args.input, io);
  try {
    const answer = await ask(args, await readCa(args.caFile, io), body);
    io.stdout.write(`${answer}\n`);
  } catch (thrown) {
    if (!(thrown instanceof InferError)) throw thrown;
    throw new Error(`${thrown.code}: ${thrown.message}`, { cause: thrown });
  }
  return 0;
}

async function ask(args: InferArgs, caPem: string | null, body: Uint8Array): Promise<string> {
  const { inputs, outputs, id } = oipRestCodec.decode({ body, jsonBytes: null }, CLIENT_LIMITS);
  const names = outputs?.map(({ name }) => name) ?? null;
  const client = await connect(args, caPem);
  try {
    const ref = { name: args.name, version: args.version };
    const response = await client.infer(ref, { inputs, outputs: names });
    // Without the request's parameters: they might ask for binary data. Its id, since some clients
    // send one of their own.
    const request = plainRequest({ inputs, outputs: names, id });
    const { parts } = oipRestCodec.encode({ ...response, id }, request);
    return Buffer.concat(parts).toString("utf8");
  } finally {
    await client.close();
  }
}

function connect(
  args: InferArgs,
  caPem: string | null,
): Promise<InferenceClient> | InferenceClient {
  const url = args.url ?? DEFAULT_URLS[args.protocol];
  const options: ClientOptions = { apiKey: args.apiKey, timeoutMs: args.timeoutMs, caPem };
  switch (args.protocol) {
    case "http":
      return createHttpClient(url, { ...options, binary: false, maxSockets: 1 });
    case "grpc":
      return createGrpcClient(url, options);
    case "websocket":
      return createWebSocketClient(streamUrl(url), options);
  }
}

/** A bare ws://host:port means Sluice's own path. */
function streamUrl(url: string): string {
  return /^wss?:\/\/[^/]+\/?$/i.test(url) ? `${url.replace(/\/$/, "")}${STREAM_PATH}` : url;
}

async function readCa(caFile: string | null, io: InferIo): Promise<string | null> {
  if (caFile === null) return null;
  try {
    return await readFile(resolve(io.cwd, caFile), "utf8");
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new UsageError(`--ca-file ${caFile} cannot be read (${code ?? "unknown error"})`);
  }
}

async function readInput(input: string, io: InferIo): Promise<Uint8Array> {
  try {
    if (input !== "-") return await readFile(resolve(io.cwd, input));
    const parts: Uint8Array[] = [];
    for await (const part of io.stdin) parts.push(part);
    return Buffer.concat(parts);
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new UsageError(`--input ${input} cannot be read (${code ?? "unknown error"})`);
  }
}
