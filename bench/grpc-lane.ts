import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from "node:http2";
import { NO_PARAMETERS } from "../protocols/core/infer.ts";
import { DEFAULT_LIMITS } from "../protocols/core/limits.ts";
import {
  InferError,
  STATUS_CODES,
  STATUS_TABLE,
  type StatusCode,
  toInferError,
} from "../protocols/core/status.ts";
import { decodeInferResponse, encodeInferRequest } from "../protocols/oip-grpc/infer-codec.ts";
import { CODE_TRAILER, METHOD_PATHS } from "../protocols/oip-grpc/methods.ts";
import { ANSWERED, type Lane, type Outcome } from "./lane.ts";
import type { LoadPlan } from "./load-plan.ts";

/** gRPC's length-prefixed message: not compressed, 4 bytes of length (gRPC over HTTP/2). */
const PREFIX_BYTES = 5;
const LIMITS = { ...DEFAULT_LIMITS, maxBodyBytes: Number.MAX_SAFE_INTEGER };

/** Whole length-prefixed messages, ready to be written. */
export function encodeGrpcRequests(plan: LoadPlan): Buffer[] {
  return plan.inputs.map((input) => {
    const message = encodeInferRequest(plan.model, {
      id: null,
      parameters: NO_PARAMETERS,
      inputs: input.inputs,
      outputs: input.outputs?.map((name) => ({ name, parameters: NO_PARAMETERS })) ?? null,
      isTyped: false,
    });
    const frame = Buffer.alloc(PREFIX_BYTES + message.byteLength);
    frame.writeUInt32BE(message.byteLength, 1);
    frame.set(message, PREFIX_BYTES);
    return frame;
  });
}

/** A gRPC connection by hand on node:http2: about a third of what a unary call costs grpc-js. */
export class GrpcLane implements Lane {
  readonly #origin: string;
  readonly #requests: readonly Buffer[];
  readonly #timeoutMs: number;
  readonly #headers: OutgoingHttpHeaders;
  #session: ClientHttp2Session | null = null;

  /** @param requests shared by the lanes of a thread */
  constructor(
    target: string,
    requests: readonly Buffer[],
    timeoutMs: number,
    apiKey: string | null,
  ) {
    this.#origin = `http://${target}`;
    this.#requests = requests;
    this.#timeoutMs = timeoutMs;
    this.#headers = {
      ":method": "POST",
      ":path": METHOD_PATHS.modelInfer,
      "content-type": "application/grpc",
      te: "trailers",
      ...(apiKey !== null && { authorization: `Bearer ${apiKey}` }),
    };
  }

  async send(index: number, wantsAnswer: boolean): Promise<Outcome> {
    try {
      this.#session ??= this.#connect();
      const call = new UnaryCall(this.#session.request(this.#headers), this.#timeoutMs);
      const message = await call.run(this.#requests[index] ?? Buffer.alloc(0));
      if (!wantsAnswer) return ANSWERED;
      return { failure: null, answer: decodeInferResponse(message, LIMITS) };
    } catch (thrown) {
      const failure = thrown instanceof InferError ? thrown : this.#broken(thrown);
      if (failure.code === "unavailable") this.close();
      return { failure, answer: null };
    }
  }

  close(): void {
    const session = this.#session;
    this.#session = null;
    session?.destroy();
  }

  #connect(): ClientHttp2Session {
    const session = connect(this.#origin);
    // The stream in flight reports the same failure; a session without a listener would throw it.
    session.on("error", () => this.#forget(session));
    session.on("close", () => this.#forget(session));
    session.on("goaway", () => this.#forget(session));
    return session;
  }

  #forget(session: ClientHttp2Session): void {
    if (session === this.#session) this.#session = null;
    session.close();
  }

  #broken(thrown: unknown): InferError {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    return new InferError("unavailable", `${this.#origin}: ${why}`, { cause: thrown });
  }
}

/** One unary call on a stream of its own. */
class UnaryCall {
  readonly #stream: ClientHttp2Stream;
  readonly #timeoutMs: number;
  readonly #parts: Buffer[] = [];
  #status: IncomingHttpHeaders = {};

  constructor(stream: ClientHttp2Stream, timeoutMs: number) {
    this.#stream = stream;
    this.#timeoutMs = timeoutMs;
  }

  /** The answer's message bytes. @throws InferError, or what broke the stream */
  run(frame: Buffer): Promise<Buffer> {
    const stream = this.#stream;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new InferError("deadline-exceeded", `no answer within ${this.#timeoutMs} ms`));
        stream.close(constants.NGHTTP2_CANCEL);
      }, this.#timeoutMs);
      // An error without a body puts grpc-status into the headers ("Trailers-Only").
      stream.on("response", (headers) => {
        this.#status = headers;
      });
      stream.on("trailers", (trailers) => {
        this.#status = trailers;
      });
      stream.on("data", (part: Buffer) => this.#parts.push(part));
      stream.on("error", reject);
      stream.on("close", () => {
        clearTimeout(timer);
        try {
          resolve(this.#message());
        } catch (thrown) {
          reject(toInferError(thrown));
        }
      });
      stream.end(frame);
    });
  }

  #message(): Buffer {
    const status = this.#status["grpc-status"];
    if (status !== "0") throw failureOf(this.#status);
    const bytes = Buffer.concat(this.#parts);
    const wanted = bytes.length < PREFIX_BYTES ? Number.NaN : bytes.readUInt32BE(1);
    if (bytes.length === PREFIX_BYTES + wanted) return bytes.subarray(PREFIX_BYTES);
    throw new InferError(
      "unavailable",
      `expected one gRPC message, got ${bytes.length} bytes that hold less or more`,
    );
  }
}

function failureOf(headers: IncomingHttpHeaders): InferError {
  const status = headers["grpc-status"];
  const message = decodePercent(String(headers["grpc-message"] ?? "no message"));
  if (status === undefined) {
    return new InferError("unavailable", "the stream ended without a grpc-status");
  }
  const named = STATUS_CODES.find((code) => code === headers[CODE_TRAILER]);
  return new InferError(named ?? codeOf(Number(status)), message);
}

/** gRPC says UNAVAILABLE for several of our codes; without a name it is the general one. */
function codeOf(grpcStatus: number): StatusCode {
  if (grpcStatus === STATUS_TABLE.unavailable.grpc) return "unavailable";
  return STATUS_CODES.find((code) => STATUS_TABLE[code].grpc === grpcStatus) ?? "internal";
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
