import type { Label } from "../capture/label-request.ts";
import type { InferResponse, ModelRef } from "../core/infer.ts";
import type { TensorSignature } from "../core/signature.ts";
import type { Tensor } from "../core/tensor.ts";

/** What a caller asks; ids and encodings are the client's affair. */
export interface InferInput {
  readonly inputs: readonly Tensor[];
  /** null: all outputs. */
  readonly outputs: readonly string[] | null;
}

export interface ModelDescription {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorSignature[];
  readonly outputs: readonly TensorSignature[];
}

/**
 * One connection (or pool of them) to an Open Inference Protocol server; the same over HTTP, gRPC
 * and WebSocket. Calls may overlap. Every failure is an InferError: one that the server sent keeps
 * its code, a broken connection is `unavailable`.
 */
export interface InferenceClient {
  readonly protocol: "http" | "grpc" | "websocket";
  infer(ref: ModelRef, input: InferInput): Promise<InferResponse>;
  close(): Promise<void>;
}

/** The calls around inference; HTTP and gRPC clients have them. */
export interface ControlClient {
  isServerReady(): Promise<boolean>;
  isModelReady(ref: ModelRef): Promise<boolean>;
  describe(ref: ModelRef): Promise<ModelDescription>;
}

/** Tells a server the truth about its predictions; the HTTP client has it. */
export interface LabelClient {
  /**
   * Resolves with the number of labels once they are durably kept.
   * @param labels 1 to 10,000, of predictions of any version of the model
   * @throws InferError `conflict` where the server captures nothing, `invalid-argument`, `unavailable`
   */
  label(model: string, labels: readonly Label[]): Promise<number>;
}

export interface ClientOptions {
  /** Sent as `authorization: Bearer …`; null for none. */
  readonly apiKey: string | null;
  readonly timeoutMs: number;
  /** Authorities in PEM that a TLS server may be vouched for by, and no others; absent or null: Node.js's own. */
  readonly caPem?: string | null;
}
