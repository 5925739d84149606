import type { InferInput } from "../protocols/client/inference-client.ts";

/** ONNX Runtime without a server, called one run at a time. */
export interface DirectOptions {
  readonly modelFile: string;
  readonly inputs: readonly InferInput[];
  /** Threads inside one run, the calling one included. */
  readonly intraOpThreads: number;
}
