import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type OnnxModel, openOnnx } from "../compile/onnx-session.ts";
import type { Column } from "../datasets/column.ts";
import type { JobContext, JobWork } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import type { EvaluationConfig, MetricName, ModelConfig } from "../project/project.ts";
import { askChampion, type ChampionAnswers, meetChampion } from "./ask-champion.ts";
import { calibrationTable } from "./calibration.ts";
import type { EvaluateResult, EvaluateSpec, Metrics } from "./evaluate-spec.ts";
import { type EvaluationRows, readEvaluationRows } from "./evaluation-rows.ts";
import { type Comparison, judge } from "./gates.ts";
import { defaultMetric, METRICS_OF_TASK, metricOf } from "./metrics.ts";
import { pairedBootstrap } from "./paired-bootstrap.ts";
import { permutationImportance } from "./permutation-importance.ts";
import { reportSlices } from "./slices.ts";

/** Beside the result: all of it, a calibration table and the features' importance. */
export const REPORT_FILE = "report.json";

/** Of sluice.yaml's evaluation, where a model has none. */
const DEFAULTS: Pick<
  EvaluationConfig,
  "tolerance" | "sliceTolerance" | "minSliceRows" | "bootstrapRounds"
> = { tolerance: 0.005, sliceTolerance: 0.05, minSliceRows: 200, bootstrapRounds: 300 };
/** The same rows and models give the same verdict. */
const SEED = 1;
const CALIBRATION_BINS = 10;

/**
 * Asks the candidate and the champion about the same rows and holds the candidate against every
 * gate. `passed` when all are. Writes report.json. Rejects with JobError for rows that cannot be
 * evaluated on, or a candidate that does not run.
 */
export const evaluate: JobWork<"evaluate"> = async (spec, context) => {
  const { config } = spec;
  const settings = { ...DEFAULTS, ...config.evaluation };
  const champion = await meetChampion(spec.champion, config.task);
  const rows = await readEvaluationRows({
    path: spec.evaluationPath,
    config,
    features: spec.features,
    otherFeatures: champion.kind === "askable" ? champion.features : [],
    slices: settings.slices ?? [],
    spillFolder: join(context.folder, "spill"),
  });
  const model = await openOnnx(spec.candidatePath, config.task);
  try {
    const candidate = await answersOf(model, rows, spec);
    const answers = await askChampion(champion, rows, config.task);
    const result = weigh(config, settings, rows, candidate, answers);
    await writeReport(spec, context, model, rows, candidate, result);
    for (const [name, value] of Object.entries(result.candidate)) context.metric(name, value);
    await context.pause("evaluated");
    return result;
  } finally {
    await model.close();
  }
};

type Settings = typeof DEFAULTS & Pick<EvaluationConfig, "metric" | "slices" | "thresholds">;

async function answersOf(
  model: OnnxModel,
  { table }: EvaluationRows,
  { features }: EvaluateSpec,
): Promise<Float64Array> {
  const predictions = await model.run(table, features);
  const unusable = predictions.reduce((count, p) => count + (Number.isFinite(p) ? 0 : 1), 0);
  if (unusable === 0) return predictions;
  throw new JobError(
    `expected a finite prediction for each of ${table.rows} rows, got ${unusable} that are not`,
  );
}

function weigh(
  config: ModelConfig,
  settings: Settings,
  rows: EvaluationRows,
  candidate: Float64Array,
  answers: ChampionAnswers,
): EvaluateResult {
  const { truth, table } = rows;
  const { task } = config;
  const metric = settings.metric ?? defaultMetric(task);
  const comparison = compare(task, metric, settings, truth, candidate, answers);
  const slices = reportSlices({
    metric,
    columns: pickColumns(table.columns, settings.slices ?? []),
    truth,
    candidate,
    champion: answers.kind === "answered" ? answers.predictions : null,
  });
  const ownMetrics = metricsOf(task, truth, candidate);
  const baseline = metricsOf(task, truth, constantAnswer(truth));
  const evidence = {
    metric,
    rows: table.rows,
    candidate: ownMetrics,
    baseline,
    comparison,
    slices,
  };
  const verdicts = judge(evidence, settings);
  return {
    outcome: verdicts.every(({ passed }) => passed) ? "passed" : "refused",
    verdicts,
    isRubberStamp: comparison.kind === "first" || comparison.kind === "incompatible",
    metric,
    rows: table.rows,
    candidate: ownMetrics,
    champion: comparison.kind === "compared" ? comparison.metrics : null,
    baseline,
    change: comparison.kind === "compared" ? comparison.change : null,
    slices,
  };
}

function compare(
  task: ModelConfig["task"],
  metric: MetricName,
  settings: Settings,
  truth: Float64Array,
  candidate: Float64Array,
  answers: ChampionAnswers,
): Comparison {
  if (answers.kind !== "answered") return answers;
  const { version, predictions } = answers;
  const options = { metric, rounds: settings.bootstrapRounds, seed: SEED };
  return {
    kind: "compared",
    version,
    metrics: metricsOf(task, truth, predictions),
    change: pairedBootstrap(truth, candidate, predictions, options),
  };
}

function pickColumns(columns: ReadonlyMap<string, Column>, names: readonly string[]) {
  return new Map([...columns].filter(([name]) => names.includes(name)));
}

/** Those that are defined on these rows. */
function metricsOf(
  task: ModelConfig["task"],
  truth: Float64Array,
  predicted: Float64Array,
): Metrics {
  const all = METRICS_OF_TASK[task].map(
    (name) => [name, metricOf(name, truth, predicted)] as const,
  );
  return Object.fromEntries(all.filter(([, value]) => Number.isFinite(value)));
}

/** The mean of the truth for every row; for 0 and 1 the share of 1, so the most common class too. */
function constantAnswer(truth: Float64Array): Float64Array {
  const sum = truth.reduce((total, value) => total + value, 0);
  return new Float64Array(truth.length).fill(sum / truth.length);
}

async function writeReport(
  spec: EvaluateSpec,
  context: JobContext,
  model: OnnxModel,
  { table, truth, unlabelled, beyondMemory }: EvaluationRows,
  candidate: Float64Array,
  result: EvaluateResult,
): Promise<void> {
  const { features } = spec;
  const importance = await permutationImportance({
    predict: (shuffled) => model.run(shuffled, features),
    table,
    truth,
    features,
    metric: result.metric,
    seed: SEED,
  });
  const report = {
    schemaVersion: 1,
    model: spec.model,
    championVersion: spec.champion?.version ?? null,
    unlabelled,
    beyondMemory,
    ...result,
    calibration: calibrationTable(truth, candidate, CALIBRATION_BINS),
    importance,
  };
  await writeFile(join(context.folder, REPORT_FILE), `${JSON.stringify(report, null, 2)}\n`);
}
