import type { CompileResult, CompileSpec, VetResult, VetSpec } from "../compile/compile-spec.ts";
import type { EvaluateResult, EvaluateSpec } from "../evaluate/evaluate-spec.ts";
import type { PullResult, PullSpec } from "../feeds/pull-spec.ts";
import type {
  CollectResult,
  CollectSpec,
  ObserveResult,
  ObserveSpec,
} from "../monitors/observe-spec.ts";
import type { PublishResult, PublishSpec } from "../publish/publish-spec.ts";
import type { CheckResult, CheckSpec } from "../quality/check-spec.ts";
import type { ScoreResult, ScoreSpec } from "../score/score-spec.ts";
import type { TrainResult, TrainSpec } from "../train/train-spec.ts";

/**
 * A sidecar job is one process over one folder: it reads `job.json`, works in the folder, writes
 * `result.json` last (temporary file, fsync, rename) and ends. It knows no store: whoever started it
 * takes the result up. Killed at any point it leaves a folder that nobody looks at again.
 */
export interface Jobs {
  readonly pull: { spec: PullSpec; result: PullResult };
  readonly check: { spec: CheckSpec; result: CheckResult };
  readonly train: { spec: TrainSpec; result: TrainResult };
  readonly compile: { spec: CompileSpec; result: CompileResult };
  readonly vet: { spec: VetSpec; result: VetResult };
  readonly evaluate: { spec: EvaluateSpec; result: EvaluateResult };
  readonly publish: { spec: PublishSpec; result: PublishResult };
  readonly score: { spec: ScoreSpec; result: ScoreResult };
  readonly collect: { spec: CollectSpec; result: CollectResult };
  readonly observe: { spec: ObserveSpec; result: ObserveResult };
}
export type JobKind = keyof Jobs;

export const JOB_KINDS: readonly JobKind[] = [
  "pull",
  "check",
  "train",
  "compile",
  "vet",
  "evaluate",
  "publish",
  "score",
  "collect",
  "observe",
];

/** `job.json`. */
export interface JobFile<K extends JobKind> {
  readonly schemaVersion: 1;
  readonly runId: string;
  readonly kind: K;
  readonly spec: Jobs[K]["spec"];
}

/** What a job's work is given beside its spec. */
export interface JobContext {
  /** Absolute; empty but for job.json. The result's file names are relative to it. */
  readonly folder: string;
  readonly runId: string;
  /** For secrets that the spec names, and nothing else. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Recorded with the run; `step` for a curve. */
  metric(key: string, value: number, step?: number): void;
  log(message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** Awaited at named points: for tests that stop there. */
  pause(point: string): Promise<void>;
  /** Aborted when the job is asked to stop. */
  readonly signal: AbortSignal;
}

/** The work of one kind; rejects with JobError for what a user can mend, anything else is a defect. */
export type JobWork<K extends JobKind> = (
  spec: Jobs[K]["spec"],
  context: JobContext,
) => Promise<Jobs[K]["result"]>;
