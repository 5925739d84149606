import type { InferInput } from "../protocols/client/inference-client.ts";
import type { ModelRef } from "../protocols/core/infer.ts";
import type { TensorSignature } from "../protocols/core/signature.ts";
import type { GeneratorChoice, GeneratorReport } from "./generator.ts";
import type { LoadShape } from "./load-loop.ts";

/** The wires that the generator speaks. */
export const PROTOCOLS = ["http-json", "http-binary", "grpc", "websocket"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Where a server listens; null for a door that it does not have. */
export interface Endpoints {
  /** http(s)://host:port[/prefix]; HTTP and WebSocket. */
  readonly url: string | null;
  /** host:port, plain text. */
  readonly grpc: string | null;
}

/** All that one generator, a thread or a process, needs; plain data. */
export interface LoadPlan {
  readonly protocol: Protocol;
  readonly endpoints: Endpoints;
  readonly apiKey: string | null;
  readonly timeoutMs: number;
  /**
   * After it an answer is worth nothing: the server is told (x-request-timeout-ms; HTTP only) and
   * outcomes are counted. null: none.
   */
  readonly deadlineMs: number | null;
  readonly model: ModelRef;
  readonly outputs: readonly TensorSignature[];
  readonly inputs: readonly InferInput[];
  readonly comparesValues: boolean;
  readonly generator: GeneratorChoice;
  /** Of this thread. */
  readonly connections: number;
  readonly shape: LoadShape;
}

/** Main thread to generator: begin. */
export interface GoMessage {
  readonly kind: "go";
}

/** Generator to main thread. After `failed` or `done` the thread ends by itself. */
export type GeneratorMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "progress"; readonly answered: number; readonly errors: number }
  | { readonly kind: "done"; readonly report: GeneratorReport };
