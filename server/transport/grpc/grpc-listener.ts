import { logVerbosity, Server, setLogVerbosity } from "@grpc/grpc-js";
import { PATHS_NOT_OFFERED } from "../../../protocols/oip-grpc/methods.ts";
import type { Action } from "../../access/principal.ts";
import type { TlsFiles } from "../../lib/tls-pair.ts";
import { withDeadline } from "../in-flight.ts";
import type { Listener, ServingContext } from "../serving-context.ts";
import { CallGate } from "./call-gate.ts";
import { CallRunner, type UnaryCall, type UnaryCallback } from "./call-runner.ts";
import { GrpcConnections } from "./grpc-connections.ts";
import { GRPC_METHODS } from "./grpc-methods.ts";

export interface GrpcListenerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Larger messages end as RESOURCE_EXHAUSTED before they are buffered. */
  readonly maxMessageBytes: number;
  /** null: plain text. */
  readonly tls: TlsFiles | null;
}

/** Calls at once on one connection; a client waits for a free one. */
const MAX_STREAMS = 1024;
/** A peer that is silent this long is asked whether it lives, and dropped when it does not say. */
const KEEPALIVE_MS = 60_000;
const KEEPALIVE_TIMEOUT_MS = 20_000;
const MIB = 1024 * 1024;
/** Memory that one connection may hold, in messages of the largest size, before it gets no new call. */
const SESSION_MESSAGES = 4;
/** How long the last answers may take to leave once nothing is under way. */
const FLUSH_MS = 2000;

/**
 * Open Inference Protocol v2 and the gRPC health protocol over HTTP/2, plain or with TLS (grpc-js).
 * Messages reach this code as bytes: a malformed one is an answer, never a throw inside grpc-js.
 * @throws Error when the address cannot be bound; names it and the setting; TlsPairError
 */
export async function createGrpcListener(
  context: ServingContext,
  options: GrpcListenerOptions,
): Promise<Listener> {
  // grpc-js would write to the console, metadata with credentials among it.
  setLogVerbosity(logVerbosity.NONE);
  const gate = new CallGate(context.gatekeeper, context.log, actionsByPath());
  const server = createServer(gate, options.maxMessageBytes);
  const runner = new CallRunner(context, gate);
  registerMethods(server, runner);
  const connections = new GrpcConnections(server, options.tls, context.connections);
  const port = await connections.listen(options.host, options.port);
  return new GrpcListener(port, connections, gate, runner, options.tls);
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

class GrpcListener implements Listener {
  readonly name = "grpc-js";
  readonly port: number;
  readonly #connections: GrpcConnections;
  readonly #gate: CallGate;
  readonly #runner: CallRunner;
  readonly #tls: TlsFiles | null;

  constructor(
    port: number,
    connections: GrpcConnections,
    gate: CallGate,
    runner: CallRunner,
    tls: TlsFiles | null,
  ) {
    this.port = port;
    this.#connections = connections;
    this.#gate = gate;
    this.#runner = runner;
    this.#tls = tls;
  }

  async renewCertificate(): Promise<void> {
    if (this.#tls !== null) this.#connections.renewCertificate(this.#tls);
  }

  stopAccepting(): void {
    this.#connections.stopAccepting();
  }

  async close(deadlineMs: number): Promise<void> {
    this.stopAccepting();
    // A call whose client left is no longer open, but still computed.
    const work = Promise.all([this.#gate.whenIdle(), this.#runner.whenIdle()]);
    try {
      await withDeadline(work, deadlineMs, () => `${this.#gate.openCount} gRPC calls were cut off`);
    } finally {
      this.#gate.cutOff();
      await this.#connections.end(FLUSH_MS);
    }
  }
}
