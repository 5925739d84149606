import type { Feature, TrainResult } from "../train/train-spec.ts";

/** What a candidate has gathered on its way. Absolute paths. */
export interface CandidateFiles {
  readonly features: readonly Feature[] | null;
  readonly artifact: TrainResult["artifact"] | null;
  readonly samplePath: string | null;
  readonly evaluationPath: string | null;
  readonly referencePath: string | null;
  readonly modelPath: string | null;
  readonly goldenPath: string | null;
}

export function readCandidateFiles(filesJson: string): CandidateFiles {
  return JSON.parse(filesJson) as CandidateFiles;
}
