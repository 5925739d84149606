import type { InferInput } from "../../protocols/client/inference-client.ts";

/** A model that the harness makes itself, the same bytes every time. */
export interface BenchModel {
  /** Its name in the repository, and of its file. */
  readonly name: string;
  /** Whole ONNX file. @throws Error where it comes from a package that is not installed */
  readonly bytes: () => Uint8Array;
  /** Inputs that the graph accepts; null: any random ones that fit its signature. */
  readonly inputs: (() => readonly InferInput[]) | null;
}
