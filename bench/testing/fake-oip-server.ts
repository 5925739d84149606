import { createServer, type Server as HttpServer, type ServerResponse } from "node:http";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { WebSocketServer } from "ws";
import type { InferRequest, InferResponse } from "../../protocols/core/infer.ts";
import { DEFAULT_LIMITS } from "../../protocols/core/limits.ts";
import { InferError, STATUS_TABLE, toInferError } from "../../protocols/core/status.ts";
import { decodeInferRequest, encodeInferResponse } from "../../protocols/oip-grpc/infer-codec.ts";
import { encodeModelMetadata as encodeGrpcMetadata } from "../../protocols/oip-grpc/messages.ts";
import { METHOD_PATHS } from "../../protocols/oip-grpc/methods.ts";
import { encodeErrorBody } from "../../protocols/oip-rest/error-body.ts";
import { oipRestCodec } from "../../protocols/oip-rest/infer-codec.ts";
import { encodeModelMetadata } from "../../protocols/oip-rest/messages.ts";
import {
  decodeFrame,
  encodeAnswerFrame,
  encodeErrorFrame,
} from "../../protocols/stream/frame-codec.ts";

/** Metadata of the one model, which answers y = 2x. */
export const FAKE_MODEL = {
  name: "double",
  versions: ["1"],
  platform: "onnx_onnxv1",
  inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
  outputs: [{ name: "y", datatype: "FP32", shape: [-1, 4] }],
} as const;

/** Stands between request n (from 0) and its answer: waits, changes it, or throws. */
export type Meddle = (answer: InferResponse, n: number) => InferResponse | Promise<InferResponse>;

export interface FakeServer {
  readonly url: string;
  readonly grpc: string;
  /** `authorization` of every inference over HTTP, in order. */
  readonly keys: readonly (string | undefined)[];
  /** `x-request-timeout-ms` of every inference over HTTP, in order. */
  readonly deadlines: readonly (string | undefined)[];
  readonly inferCount: number;
  close(): Promise<void>;
}

/** An Open Inference Protocol server with real codecs on loopback, all protocols. */
export async function startFakeServer(meddle: Meddle = (answer) => answer): Promise<FakeServer> {
  let inferCount = 0;
  const keys: (string | undefined)[] = [];
  const deadlines: (string | undefined)[] = [];
  const infer = async (request: InferRequest): Promise<InferResponse> => {
    inferCount += 1;
    return await meddle(double(request), inferCount - 1);
  };
  const http = serveHttp(infer, { keys, deadlines });
  const sockets = serveStream(http, infer);
  const httpPort = await listen(http);
  const grpc = serveGrpc(infer);
  const grpcPort = await bind(grpc);
  return {
    url: `http://127.0.0.1:${httpPort}`,
    grpc: `127.0.0.1:${grpcPort}`,
    keys,
    deadlines,
    get inferCount() {
      return inferCount;
    },
    async close() {
      grpc.forceShutdown();
      for (const socket of sockets.clients) socket.terminate();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

type Infer = (request: InferRequest) => Promise<InferResponse>;

function double(request: InferRequest): InferResponse {
  return {
    modelName: "double",
    modelVersion: "1",
    id: request.id,
    parameters: new Map(),
    outputs: request.inputs.map((tensor) => ({
      ...tensor,
      name: "y",
      data: Float32Array.from(tensor.data as Float32Array, (value) => 2 * value),
    })),
  };
}

/** Filled as requests come. */
interface Seen {
  readonly keys: (string | undefined)[];
  readonly deadlines: (string | undefined)[];
}

function serveHttp(infer: Infer, seen: Seen): HttpServer {
  return createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (request.url === "/v2/models/double") response.end(encodeModelMetadata(FAKE_MODEL));
      else if (request.url === "/v2/models/double/infer") {
        seen.keys.push(request.headers.authorization);
        const deadline = request.headers["x-request-timeout-ms"];
        seen.deadlines.push(deadline?.toString());
        const header = request.headers["inference-header-content-length"];
        const jsonBytes = header === undefined ? null : Number(header);
        answerHttp(infer, Buffer.concat(parts), jsonBytes, response);
      } else refuse(new InferError("model-not-found", `no ${request.url}`), response);
    });
  });
}

function answerHttp(
  infer: Infer,
  body: Buffer,
  jsonBytes: number | null,
  response: ServerResponse,
): void {
  const request = oipRestCodec.decode({ body, jsonBytes }, DEFAULT_LIMITS);
  infer(request).then(
    (answer) => {
      const encoded = oipRestCodec.encode(answer, request);
      const bytes = Buffer.concat(encoded.parts);
      response.setHeader("content-type", encoded.contentType);
      response.setHeader("content-length", bytes.byteLength);
      if (encoded.jsonBytes !== null) {
        response.setHeader("inference-header-content-length", encoded.jsonBytes);
      }
      response.end(bytes);
    },
    (thrown: unknown) => refuse(toInferError(thrown), response),
  );
}

function refuse(error: InferError, response: ServerResponse): void {
  response.statusCode = STATUS_TABLE[error.code].http;
  response.end(encodeErrorBody(error, "r1"));
}

function serveStream(http: HttpServer, infer: Infer): WebSocketServer {
  const server = new WebSocketServer({ server: http, path: "/v2/stream" });
  server.on("connection", (socket) => {
    socket.on("message", (data) => {
      const frame = decodeFrame(data as Buffer, DEFAULT_LIMITS);
      infer(frame.request).then(
        (answer) => socket.send(encodeAnswerFrame(answer, frame.request), { binary: false }),
        (thrown: unknown) => socket.send(encodeErrorFrame(frame.id, toInferError(thrown))),
      );
    });
  });
  return server;
}

function serveGrpc(infer: Infer): Server {
  const asBuffer = (bytes: Uint8Array) => Buffer.from(bytes);
  const unary = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: asBuffer,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: asBuffer,
    responseDeserialize: (bytes: Buffer) => bytes,
  });
  const server = new Server();
  server.addService(
    {
      modelInfer: unary(METHOD_PATHS.modelInfer),
      modelMetadata: unary(METHOD_PATHS.modelMetadata),
    },
    {
      modelMetadata: (
        _call: ServerUnaryCall<Buffer, Uint8Array>,
        done: sendUnaryData<Uint8Array>,
      ) => done(null, encodeGrpcMetadata(FAKE_MODEL)),
      modelInfer: (call: ServerUnaryCall<Buffer, Uint8Array>, done: sendUnaryData<Uint8Array>) => {
        infer(decodeInferRequest(call.request, DEFAULT_LIMITS)).then(
          (answer) => done(null, encodeInferResponse(answer, false)),
          (thrown: unknown) => {
            const error = toInferError(thrown);
            done({ code: STATUS_TABLE[error.code].grpc, details: error.message });
          },
        );
      },
    },
  );
  return server;
}

async function listen(server: HttpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

function bind(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}
