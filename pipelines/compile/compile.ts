import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Signature } from "../../protocols/core/signature.ts";
import { inspectModel } from "../../protocols/onnx/inspect-model.ts";
import { ModelFormatError } from "../../protocols/onnx/model-format-error.ts";
import { GOLDEN_FILE, MODEL_FILE } from "../../protocols/repository/layout.ts";
import type { NumberColumn, Table } from "../datasets/column.ts";
import { openDataEngine } from "../datasets/duckdb.ts";
import type { JobContext, JobWork } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import { parseTreesModel } from "../train/trees-model.ts";
import type { CompileResult, CompileSpec } from "./compile-spec.ts";
import { goldenRequests } from "./golden-requests.ts";
import { openOnnx } from "./onnx-session.ts";
import { findPredictionOutput } from "./prediction-output.ts";
import { readParquet } from "./read-features.ts";
import { explainMisfit } from "./read-signature.ts";
import { compareAnswers, floatTolerance, TREES_TOLERANCE } from "./replay.ts";
import { buildTreeGraph } from "./tree-graph.ts";
import { readXgboost } from "./xgboost-trees.ts";

/** Column of the sample with the trainer's own answers (train-spec.ts). */
const PREDICTION = "prediction";

/**
 * Makes one ONNX graph of what the trainer left, and holds it against the trainer's own answers for
 * the sample rows. Refused: an artifact that is not understood, a graph that does not take the
 * features, a graph that answers otherwise. Rejects with JobError for a sample without the columns.
 */
export const compile: JobWork<"compile"> = async (spec, context) => {
  const sample = await readSample(spec, context);
  const graph = await buildGraph(spec);
  if (typeof graph === "string") return refused(graph);
  const modelPath = join(context.folder, MODEL_FILE);
  await writeFile(modelPath, graph);
  await context.pause("built");
  const built = { modelFile: MODEL_FILE, modelBytes: graph.byteLength };
  const { signature } = inspectModel(graph);
  const trainer = (sample.columns.get(PREDICTION) as NumberColumn).values;
  const answers = await answersOf(modelPath, spec, sample);
  if (typeof answers === "string") return { ...refused(answers), ...built };
  const isOurs = spec.artifact.kind === "trees";
  const tolerance = isOurs ? TREES_TOLERANCE[spec.task] : floatTolerance(spec.task, trainer);
  const { replay, mismatch } = compareAnswers(answers, trainer, tolerance);
  context.metric("replay_max_abs_difference", replay.maxAbsDifference);
  if (mismatch !== null) return { ...refused(mismatch), ...built, replay };
  const goldenFile = await writeGolden(spec, context, signature, sample);
  await context.pause("replayed");
  return { outcome: "passed", reason: null, ...built, goldenFile, replay };
};

function refused(reason: string): CompileResult {
  return {
    outcome: "refused",
    reason,
    modelFile: null,
    goldenFile: null,
    replay: null,
    modelBytes: 0,
  };
}

async function readSample(spec: CompileSpec, context: JobContext): Promise<Table> {
  const engine = await openDataEngine({ folders: [dirname(spec.samplePath), context.folder] });
  try {
    const others = [{ name: PREDICTION, type: "number" as const }];
    return await readParquet(engine, spec.samplePath, spec.features, others);
  } finally {
    engine.close();
  }
}

/** The graph, or why there is none. */
async function buildGraph(spec: CompileSpec): Promise<Uint8Array | string> {
  const { kind, file } = spec.artifact;
  try {
    switch (kind) {
      case "trees":
        return buildTreeGraph(checkTrees(await readFile(file, "utf8"), spec));
      case "xgboost":
        return buildTreeGraph(readXgboost(await readFile(file, "utf8"), spec.features, spec.task));
      case "onnx":
        return checkOnnx(await readFile(file), spec);
    }
  } catch (thrown) {
    if (thrown instanceof JobError || thrown instanceof ModelFormatError) return thrown.message;
    throw thrown;
  }
}

function checkTrees(text: string, { features, task }: CompileSpec) {
  const model = parseTreesModel(text);
  const list = (all: readonly { name: string; kind: string }[]) =>
    all.map(({ name, kind }) => `${name} ${kind}`).join(", ");
  if (model.task !== task || list(model.features) !== list(features)) {
    throw new JobError(
      `expected trees for ${task} of ${list(features)}; got ${model.task} of ${list(model.features)}`,
    );
  }
  return model;
}

function checkOnnx(bytes: Uint8Array, { features, task }: CompileSpec): Uint8Array {
  const { signature, usesExternalData } = inspectModel(bytes);
  if (usesExternalData) {
    throw new JobError("expected a model in one file, got one that keeps weights in others");
  }
  const misfit = explainMisfit(signature, features);
  if (misfit !== null) throw new JobError(misfit);
  findPredictionOutput(signature, task);
  return bytes;
}

/** What the graph says to the sample, or why it says nothing. */
async function answersOf(
  path: string,
  spec: CompileSpec,
  sample: Table,
): Promise<Float64Array | string> {
  try {
    const model = await openOnnx(path, spec.task);
    try {
      return await model.run(sample, spec.features);
    } finally {
      await model.close();
    }
  } catch (thrown) {
    return `replay: the graph does not run: ${oneLine(thrown)}`;
  }
}

const MAX_MESSAGE_CHARS = 300;

function oneLine(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replaceAll(/\s+/g, " ").slice(0, MAX_MESSAGE_CHARS);
}

async function writeGolden(
  spec: CompileSpec,
  context: JobContext,
  signature: Signature,
  sample: Table,
): Promise<string | null> {
  const output = findPredictionOutput(signature, spec.task);
  const declared = signature.outputs.find(({ name }) => name === output.name);
  const text = goldenRequests({
    model: spec.model,
    features: spec.features,
    output,
    datatype: declared?.datatype ?? "FP64",
    rank: declared?.shape.length ?? 2,
    table: sample,
    predictions: (sample.columns.get(PREDICTION) as NumberColumn).values,
  });
  if (text === null) {
    context.log("no golden requests: every sample row has an infinite number");
    return null;
  }
  await writeFile(join(context.folder, GOLDEN_FILE), text);
  return GOLDEN_FILE;
}
