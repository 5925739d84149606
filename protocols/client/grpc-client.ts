import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { type InferResponse, type ModelRef, NO_PARAMETERS } from "../core/infer.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import { InferError, STATUS_CODES, STATUS_TABLE, type StatusCode } from "../core/status.ts";
import { decodeInferResponse, encodeInferRequest } from "../oip-grpc/infer-codec.ts";
import {
  decodeFlag,
  decodeModelMetadata,
  EMPTY_MESSAGE,
  encodeModelRef,
} from "../oip-grpc/messages.ts";
import { CODE_TRAILER, METHOD_PATHS, PUSHBACK_TRAILER } from "../oip-grpc/methods.ts";
import type {
  ClientOptions,
  ControlClient,
  InferenceClient,
  InferInput,
  ModelDescription,
} from "./inference-client.ts";

/** Answers come from a server that the caller chose; it is not bounded as requests are. */
const ANSWER_LIMITS = { ...DEFAULT_LIMITS, maxBodyBytes: Number.MAX_SAFE_INTEGER };
const CANCELLED = 1;
const UNAVAILABLE = 14;
const SCHEME = /^grpcs?:\/\//i;

const CHANNEL_OPTIONS = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // A client owns its connection: grpc-js would share one among all clients of a target.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 5000,
  "grpc.enable_channelz": 0,
};

/**
 * A client of any Open Inference Protocol v2 server over gRPC: one HTTP/2 connection, made
 * with the first call and again when it broke. Tensors travel raw both ways.
 * @param target host:port or grpc://host:port, in plain text; grpcs://host:port with TLS
 */
export function createGrpcClient(
  target: string,
  options: ClientOptions,
): InferenceClient & ControlClient {
  return new GrpcClient(target, options);
}

class GrpcClient implements InferenceClient, ControlClient {
  readonly protocol = "grpc";
  readonly #client: Client;
  readonly #options: ClientOptions;
  readonly #calls = new Set<{ cancel(): void }>();
  #isClosed = false;

  constructor(target: string, options: ClientOptions) {
    this.#client = new Client(addressOf(target), channelOf(target, options), CHANNEL_OPTIONS);
    this.#options = options;
  }

  infer(ref: ModelRef, input: InferInput): Promise<InferResponse> {
    return this.#call(
      METHOD_PATHS.modelInfer,
      () =>
        encodeInferRequest(ref, {
          id: null,
          parameters: NO_PARAMETERS,
          inputs: input.inputs,
          outputs: input.outputs?.map((name) => ({ name, parameters: NO_PARAMETERS })) ?? null,
          isTyped: false,
        }),
      (wire) => decodeInferResponse(wire, ANSWER_LIMITS),
    );
  }

  isServerReady(): Promise<boolean> {
    return this.#call(METHOD_PATHS.serverReady, () => EMPTY_MESSAGE, decodeFlag);
  }

  isModelReady(ref: ModelRef): Promise<boolean> {
    return this.#call(METHOD_PATHS.modelReady, () => encodeModelRef(ref), decodeFlag);
  }

  describe(ref: ModelRef): Promise<ModelDescription> {
    return this.#call(METHOD_PATHS.modelMetadata, () => encodeModelRef(ref), decodeModelMetadata);
  }

  /** Calls in flight end as `unavailable`. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const call of this.#calls) call.cancel();
    this.#client.close();
  }

  async #call<T>(
    path: string,
    encode: () => Uint8Array,
    decode: (wire: Uint8Array) => T,
  ): Promise<T> {
    if (this.#isClosed) throw new InferError("unavailable", "the client is closed");
    return decodeAnswer(await this.#send(path, encode()), decode);
  }

  #send(path: string, message: Uint8Array): Promise<Uint8Array> {
    const { apiKey, timeoutMs } = this.#options;
    const metadata = new Metadata();
    if (apiKey !== null) metadata.set("authorization", `Bearer ${apiKey}`);
    const callOptions: CallOptions = { deadline: Date.now() + timeoutMs };
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest<Uint8Array, Uint8Array>(
        path,
        asBuffer,
        (wire) => wire,
        message,
        metadata,
        callOptions,
        (error, answer) => {
          this.#calls.delete(call);
          if (error !== null) reject(this.#failureOf(error));
          else if (answer === undefined) reject(new InferError("internal", "an empty answer"));
          else resolve(answer);
        },
      );
      this.#calls.add(call);
    });
  }

  #failureOf(error: ServiceError): InferError {
    if (this.#isClosed && error.code === CANCELLED) {
      return new InferError("unavailable", "the client was closed before the answer");
    }
    const pushbackMs = Number(error.metadata?.get(PUSHBACK_TRAILER)[0] ?? Number.NaN);
    return new InferError(codeOf(error), error.details, {
      ...(pushbackMs >= 0 && { retryAfterMs: pushbackMs }),
      cause: error,
    });
  }
}

function addressOf(target: string): string {
  return target.replace(SCHEME, "");
}

function channelOf(target: string, { caPem = null }: ClientOptions): ChannelCredentials {
  if (SCHEME.exec(target)?.[0].toLowerCase() !== "grpcs://") return credentials.createInsecure();
  return credentials.createSsl(caPem === null ? null : Buffer.from(caPem));
}

/** The server's own code where it sent one, else the closest to the gRPC status. */
function codeOf(error: ServiceError): StatusCode {
  const sent = error.metadata?.get(CODE_TRAILER)[0];
  const named = STATUS_CODES.find((code) => code === sent);
  if (named !== undefined) return named;
  // grpc-js's own word for a broken connection; the table has it for several codes.
  if (error.code === UNAVAILABLE) return "unavailable";
  return STATUS_CODES.find((code) => STATUS_TABLE[code].grpc === error.code) ?? "internal";
}

/** @throws InferError `internal` when the server's answer cannot be read. */
function decodeAnswer<T>(wire: Uint8Array, decode: (wire: Uint8Array) => T): T {
  try {
    return decode(wire);
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new InferError("internal", `the server's answer cannot be read: ${why}`, {
      cause: thrown,
    });
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
