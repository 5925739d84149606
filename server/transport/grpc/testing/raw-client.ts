import {
  Client,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadProto } from "../../../../protocols/oip-grpc/testing/load-proto.ts";

/** What a stock gRPC client (grpc-js over proto-loader) gets back. */
export interface RawAnswer {
  readonly error: ServiceError | null;
  /** As proto-loader shows it; null beside an error. */
  readonly answer: Readonly<Record<string, unknown>> | null;
  /** Trailing metadata. */
  readonly trailers: Metadata;
}

export interface RawCallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  readonly onCall?: (call: { cancel(): void }) => void;
}

/** A client of the .proto files, which shares no code with ours. */
export interface RawClient {
  call(method: string, request: object, options?: RawCallOptions): Promise<RawAnswer>;
  /** Sends bytes as they are to any path. */
  send(path: string, message: Uint8Array, options?: RawCallOptions): Promise<RawAnswer>;
  close(): void;
}

type Done = (error: ServiceError | null, answer: unknown) => void;

interface StartedCall {
  cancel(): void;
  on(event: "status", listener: (status: { metadata: Metadata }) => void): unknown;
}

type Stub = (request: object, metadata: Metadata, options: object, done: Done) => StartedCall;

/** grpc-js makes a client's methods from the proto at run time. */
function stub(client: Client, method: string): Stub {
  const found = (client as unknown as Record<string, Stub | undefined>)[method];
  if (found === undefined) throw new Error(`the proto has no method ${method}`);
  return found.bind(client);
}

export async function createRawClient(port: number): Promise<RawClient> {
  const { definition } = await loadProto();
  const packages = loadPackageDefinition(definition) as unknown as {
    inference: { GRPCInferenceService: ServiceClientConstructor };
    grpc: { health: { v1: { Health: ServiceClientConstructor } } };
  };
  const target = `127.0.0.1:${port}`;
  const channel = { "grpc.use_local_subchannel_pool": 1 };
  const insecure = credentials.createInsecure();
  const inference = new packages.inference.GRPCInferenceService(target, insecure, channel);
  const health = new packages.grpc.health.v1.Health(target, insecure, channel);
  const bare = new Client(target, insecure, channel);

  const run = (
    options: RawCallOptions,
    start: (metadata: Metadata, callOptions: object, done: Done) => StartedCall,
  ) =>
    new Promise<RawAnswer>((resolve) => {
      const metadata = new Metadata();
      for (const [key, value] of Object.entries(options.metadata ?? {})) metadata.set(key, value);
      const callOptions =
        options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs };
      let outcome: Omit<RawAnswer, "trailers"> | null = null;
      let trailers: Metadata | null = null;
      const settle = () => {
        if (outcome !== null && trailers !== null) resolve({ ...outcome, trailers });
      };
      const call = start(metadata, callOptions, (error, answer) => {
        outcome = { error, answer: (answer as RawAnswer["answer"] | undefined) ?? null };
        settle();
      });
      call.on("status", (status) => {
        trailers = status.metadata;
        settle();
      });
      options.onCall?.(call);
    });

  return {
    call: (method, request, options = {}) => {
      const client = method === "Check" ? health : inference;
      return run(options, (metadata, callOptions, done) =>
        stub(client, method)(request, metadata, callOptions, done),
      );
    },
    send: (path, message, options = {}) =>
      run(options, (metadata, callOptions, done) =>
        bare.makeUnaryRequest(
          path,
          (bytes: Uint8Array) => Buffer.from(bytes),
          (bytes: Buffer) => bytes,
          message,
          metadata,
          callOptions,
          done,
        ),
      ),
    close: () => {
      for (const client of [inference, health, bare]) client.close();
    },
  };
}
