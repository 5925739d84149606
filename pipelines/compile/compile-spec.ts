import type { ModelConfig } from "../project/project.ts";
import type { Feature, TrainResult } from "../train/train-spec.ts";

export interface CompileSpec {
  readonly model: string;
  readonly task: ModelConfig["task"];
  readonly features: readonly Feature[];
  /** Absolute paths. */
  readonly artifact: TrainResult["artifact"];
  readonly samplePath: string;
}

export interface CompileResult {
  /** refused: the graph does not answer as the trainer did. */
  readonly outcome: "passed" | "refused";
  readonly reason: string | null;
  /** Relative to the folder; null when refused before there was one. */
  readonly modelFile: string | null;
  /** Requests with the trainer's answers, for vetting (protocols/oip-rest/golden-file.ts). */
  readonly goldenFile: string | null;
  readonly replay: {
    readonly rows: number;
    readonly maxAbsDifference: number;
    readonly tolerance: number;
  } | null;
  readonly modelBytes: number;
}

/** Runs `sluice vet` in a process of its own: what crashes there crashes nothing else. */
export interface VetSpec {
  readonly model: string;
  /** Absolute. */
  readonly modelPath: string;
  readonly goldenPath: string | null;
  /** Manifest of the champion, whose clients must not break; null for a first version. */
  readonly championManifestPath: string | null;
  readonly isBreaking: boolean;
}

export interface VetResult {
  readonly outcome: "passed" | "refused";
  readonly reason: string | null;
  readonly goldenCount: number;
  readonly peakRssBytes: number | null;
}
