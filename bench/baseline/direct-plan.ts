import type { InferInput } from "../../protocols/client/inference-client.ts";

/** What the direct baseline's process is told, over its IPC channel. */
export interface DirectPlan {
  readonly modelFile: string;
  readonly inputs: readonly InferInput[];
  readonly warmupMs: number;
  readonly durationMs: number;
  /** null: the runtime's default. */
  readonly intraOpThreads: number | null;
}
