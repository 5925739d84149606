import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { PATHS_NOT_OFFERED } from "../../../protocols/oip-grpc/methods.ts";
import type { Action } from "../../access/principal.ts";
import { createDeferred, type Deferred } from "../../lib/deferred.ts";
import { InFlight, withDeadline } from "../http/in-flight.ts";
import type { Listener, ServingContext } from "../serving-context.ts";
import { CallGate } from "./call-gate.ts";
import { CallRunner, type UnaryCall, type UnaryCallback } from "./call-runner.ts";
import { GRPC_METHODS } from "./grpc-methods.ts";

export interface GrpcListenerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Larger messages end as RESOURCE_EXHAUSTED before they are buffered. */
  readonly maxMessageBytes: number;
}

/** Calls at once on one connection; a client waits for a free one. */
const MAX_STREAMS = 1024;
/** A peer that is silent this long is asked whether it lives, and dropped when it does not say. */
const KEEPALIVE_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
const MIB = 1024 * 1024;
/** Memory that one connection may hold, in messages of the largest size, before it gets no new call. */
const SESSION_MESSAGES = 4;

/**
 * Open Inference Protocol v2 and the gRPC health protocol over plain-text HTTP/2 (grpc-js).
 * Messages reach this code as bytes: a malformed one is an answer, never a throw inside grpc-js.
 * @throws Error when the address cannot be bound; names it and the setting
 */
export async function createGrpcListener(
  context: ServingContext,
  options: GrpcListenerOptions,
): Promise<Listener> {
  // grpc-js would write to the console, metadata with credentials among it.
  setLogVerbosity(logVerbosity.NONE);
  const inFlight = new InFlight();
  const gate = new CallGate(context.gatekeeper, context.log, actionsByPath());
  const server = createServer(gate, options.maxMessageBytes);
  registerMethods(server, new CallRunner(context, gate, inFlight));
  const port = await bind(server, options);
  return new GrpcListener(server, inFlight, port);
}

function createServer(gate: CallGate, maxMessageBytes: number): Server {
  return new Server({
    interceptors: [gate.interceptor],
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": MAX_STREAMS,
    "grpc.keepalive_time_ms": KEEPALIVE_MS,
    "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
    "grpc-node.max_session_memory": Math.ceil(maxMessageBytes / MIB) * SESSION_MESSAGES + 64,
    "grpc.enable_channelz": 0,
  });
}

function actionsByPath(): ReadonlyMap<string, Action | null> {
  return new Map<string, Action | null>([
    ...PATHS_NOT_OFFERED.map((path) => [path, null] as const),
    ...GRPC_METHODS.map((method) => [method.path, method.action] as const),
  ]);
}

function registerMethods(server: Server, runner: CallRunner): void {
  for (const method of GRPC_METHODS) {
    register(server, method.path, (call, callback) => void runner.run(method, call, callback));
  }
  for (const path of PATHS_NOT_OFFERED) {
    register(server, path, () => {
      throw new Error(`${path} is refused at the gate`);
    });
  }
}

function register(
  server: Server,
  path: string,
  handle: (call: UnaryCall, callback: UnaryCallback) => void,
): void {
  server.register<Buffer, Uint8Array>(path, handle, asBuffer, (message) => message, "unary");
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function bind(server: Server, { host, port }: GrpcListenerOptions): Promise<number> {
  const address = host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  const bound = createDeferred<number>();
  server.bindAsync(address, ServerCredentials.createInsecure(), (error, boundPort) => {
    if (error === null) return bound.resolve(boundPort);
    server.forceShutdown();
    const why = error.message.includes("EADDRINUSE") ? "the port is taken" : error.message;
    bound.reject(new Error(`cannot serve gRPC on ${address}: ${why} (grpcPort)`, { cause: error }));
  });
  return bound.promise;
}

class GrpcListener implements Listener {
  readonly name = "grpc-js";
  readonly port: number;
  readonly #server: Server;
  readonly #inFlight: InFlight;
  #shutdown: Deferred<void> | null = null;

  constructor(server: Server, inFlight: InFlight, port: number) {
    this.#server = server;
    this.#inFlight = inFlight;
    this.port = port;
  }

  /** Every connection gets a GOAWAY: its clients go elsewhere with new calls. */
  stopAccepting(): void {
    void this.#beginShutdown();
  }

  async close(deadlineMs: number): Promise<void> {
    // A call whose client left is still computed: it counts here, not in grpc-js.
    const work = this.#beginShutdown().then(() => this.#inFlight.whenIdle());
    try {
      await withDeadline(work, deadlineMs, () => `${this.#inFlight.count} gRPC calls were cut off`);
    } finally {
      this.#server.forceShutdown();
    }
  }

  #beginShutdown(): Promise<void> {
    if (this.#shutdown !== null) return this.#shutdown.promise;
    const shutdown = createDeferred<void>();
    this.#shutdown = shutdown;
    this.#server.tryShutdown((error) => {
      if (error === undefined) shutdown.resolve();
      else shutdown.reject(error);
    });
    return shutdown.promise;
  }
}
