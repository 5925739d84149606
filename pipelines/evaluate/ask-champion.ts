import { ModelFormatError } from "../../protocols/onnx/model-format-error.ts";
import { openOnnx } from "../compile/onnx-session.ts";
import { findPredictionOutput } from "../compile/prediction-output.ts";
import { featuresTaken, readSignature } from "../compile/read-signature.ts";
import { JobError } from "../jobs/job-error.ts";
import type { ModelConfig } from "../project/project.ts";
import type { Feature } from "../train/train-spec.ts";
import type { EvaluateSpec } from "./evaluate-spec.ts";
import type { EvaluationRows } from "./evaluation-rows.ts";

/** A champion that rows can be put to: its own inputs, which need not be the candidate's. */
export type Champion =
  | { readonly kind: "first" }
  | { readonly kind: "incompatible"; readonly version: number; readonly reason: string }
  | {
      readonly kind: "askable";
      readonly version: number;
      readonly modelPath: string;
      readonly features: readonly Feature[];
    };

/** Reads what the champion takes and gives; runs nothing. */
export async function meetChampion(
  champion: EvaluateSpec["champion"],
  task: ModelConfig["task"],
): Promise<Champion> {
  if (champion === null) return { kind: "first" };
  const { version, modelPath } = champion;
  try {
    const signature = await readSignature(modelPath);
    findPredictionOutput(signature, task);
    const features = featuresTaken(signature);
    if (typeof features === "string") return { kind: "incompatible", version, reason: features };
    return { kind: "askable", version, modelPath, features };
  } catch (thrown) {
    const isMisfit = thrown instanceof JobError || thrown instanceof ModelFormatError;
    if (!isMisfit) throw thrown;
    return { kind: "incompatible", version, reason: thrown.message };
  }
}

export type ChampionAnswers =
  | Exclude<Champion, { kind: "askable" }>
  | { readonly kind: "failed"; readonly version: number; readonly reason: string }
  | { readonly kind: "answered"; readonly version: number; readonly predictions: Float64Array };

/** The champion's predictions for the rows, or why there are none. */
export async function askChampion(
  champion: Champion,
  rows: EvaluationRows,
  task: ModelConfig["task"],
): Promise<ChampionAnswers> {
  if (champion.kind !== "askable") return champion;
  const { version, modelPath, features } = champion;
  const unfit = features.find(({ name, kind }) => rows.table.columns.get(name)?.kind !== kind);
  if (unfit !== undefined) {
    const reason = `it takes '${unfit.name}' as ${unfit.kind}, which these rows have not`;
    return { kind: "incompatible", version, reason };
  }
  try {
    const model = await openOnnx(modelPath, task);
    try {
      return { kind: "answered", version, predictions: await model.run(rows.table, features) };
    } finally {
      await model.close();
    }
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    return { kind: "failed", version, reason: reason.replaceAll(/\s+/g, " ").slice(0, 300) };
  }
}
