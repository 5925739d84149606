import type { InferInput } from "../../protocols/client/inference-client.ts";
import type { LoadTally } from "../load-recorder.ts";
import type { ServerUsage } from "../machine/usage-window.ts";

/** What the direct baseline's process is told, over its IPC channel. */
export interface DirectPlan {
  readonly modelFile: string;
  readonly inputs: readonly InferInput[];
  readonly warmupMs: number;
  readonly durationMs: number;
  /** null: the runtime's default, which the addon does not have: 1 there. */
  readonly intraOpThreads: number | null;
  /** `addon`: the C API through Sluice's addon; `onnxruntime-node`: the public binding. */
  readonly through: DirectBinding;
}

export type DirectBinding = "addon" | "onnxruntime-node";

export interface DirectAnswer {
  readonly tally: LoadTally;
  readonly usage: ServerUsage | null;
}
