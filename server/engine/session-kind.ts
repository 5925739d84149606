import type { Datatype } from "../../protocols/core/datatype.ts";
import type { Signature } from "../../protocols/core/signature.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";

/** A loaded graph, as vetting runs it. */
export interface OnnxSession {
  readonly signature: Signature;
  /** One run. Outputs own their memory. Rejects with the runtime's own message. */
  run(inputs: readonly Tensor[], outputs: readonly string[]): Promise<Tensor[]>;
  /** Frees the graph. REQUIRES: no run in flight. */
  release(): Promise<void>;
}

/** How one engine opens graphs: vetting judges with the engine that will serve. */
export interface SessionKind {
  /** Whether tensors of the datatype go in and out. */
  carries(datatype: Datatype): boolean;
  /**
   * @param modelPath a file in a folder of our own: external data is resolved beside it
   * @returns rejects with the runtime's words
   */
  open(modelPath: string, intraOpThreads: number): Promise<OnnxSession>;
}
