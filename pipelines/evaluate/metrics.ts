import type { MetricName, ModelConfig } from "../project/project.ts";

/**
 * Metrics of one list of predictions. `truth` is 0 or 1, or the value; `predicted` is the probability
 * of 1, or the value. Accuracy and F1 call a row positive from probability 0.5.
 */

/** Probabilities are kept this far from 0 and 1 in the log loss: it stays finite. */
const LOG_LOSS_EPSILON = 1e-15;
const POSITIVE_FROM = 0.5;

type Metric = (truth: Float64Array, predicted: Float64Array) => number;

const FUNCTIONS: Readonly<Record<MetricName, Metric>> = {
  auc,
  logLoss,
  accuracy,
  f1,
  rmse,
  mae,
  r2,
};

const LOWER_IS_BETTER: ReadonlySet<MetricName> = new Set(["logLoss", "rmse", "mae"]);

/** Metrics that mean something for a task. */
export const METRICS_OF_TASK: Readonly<Record<ModelConfig["task"], readonly MetricName[]>> = {
  binary: ["auc", "logLoss", "accuracy", "f1"],
  regression: ["rmse", "mae", "r2"],
};

/**
 * NaN where the metric is not defined: no rows, `auc` of one class only, `r2` of a constant truth.
 * Throws RangeError for lists of two lengths.
 */
export function metricOf(name: MetricName, truth: Float64Array, predicted: Float64Array): number {
  if (truth.length !== predicted.length) {
    throw new RangeError(
      `expected a prediction for each of ${truth.length} rows, found ${predicted.length}`,
    );
  }
  return FUNCTIONS[name](truth, predicted);
}

export function isBetterHigher(name: MetricName): boolean {
  return !LOWER_IS_BETTER.has(name);
}

export function defaultMetric(task: ModelConfig["task"]): MetricName {
  return task === "binary" ? "auc" : "rmse";
}

/**
 * Area under the ROC curve as the Mann-Whitney statistic: the chance that a positive row ranks above a
 * negative one, ties counted half.
 */
function auc(truth: Float64Array, predicted: Float64Array): number {
  const isPositiveRow = (_: number, row: number) => (truth[row] as number) > 0;
  const positives = predicted.filter(isPositiveRow).sort();
  const negatives = predicted.filter((_, row) => !isPositiveRow(0, row)).sort();
  if (Number.isNaN(positives.at(-1)) || Number.isNaN(negatives.at(-1))) return Number.NaN;
  let wins = 0;
  let below = 0;
  let notAbove = 0;
  for (const score of positives) {
    while (below < negatives.length && (negatives[below] as number) < score) below += 1;
    while (notAbove < negatives.length && (negatives[notAbove] as number) <= score) notAbove += 1;
    wins += (below + notAbove) / 2;
  }
  return wins / (positives.length * negatives.length);
}

function logLoss(truth: Float64Array, predicted: Float64Array): number {
  return meanOf(truth, (y, i) => {
    const p = predicted[i] as number;
    const clipped = Math.min(Math.max(p, LOG_LOSS_EPSILON), 1 - LOG_LOSS_EPSILON);
    return y > 0 ? -Math.log(clipped) : -Math.log1p(-clipped);
  });
}

function accuracy(truth: Float64Array, predicted: Float64Array): number {
  return meanOf(truth, (y, i) => (isPositive(predicted, i) === y > 0 ? 1 : 0));
}

/** Harmonic mean of precision and recall of the positive class; 0 where nothing is positive. */
function f1(truth: Float64Array, predicted: Float64Array): number {
  if (truth.length === 0) return Number.NaN;
  let hits = 0;
  let errors = 0;
  for (let i = 0; i < truth.length; i += 1) {
    const isHit = (truth[i] as number) > 0;
    if (isPositive(predicted, i) !== isHit) errors += 1;
    else if (isHit) hits += 1;
  }
  return hits === 0 ? 0 : (2 * hits) / (2 * hits + errors);
}

function rmse(truth: Float64Array, predicted: Float64Array): number {
  return Math.sqrt(meanOf(truth, (y, i) => (y - (predicted[i] as number)) ** 2));
}

function mae(truth: Float64Array, predicted: Float64Array): number {
  return meanOf(truth, (y, i) => Math.abs(y - (predicted[i] as number)));
}

/** Share of the truth's variance that the prediction explains. */
function r2(truth: Float64Array, predicted: Float64Array): number {
  const mean = meanOf(truth, (y) => y);
  const variance = meanOf(truth, (y) => (y - mean) ** 2);
  return variance === 0 ? Number.NaN : 1 - rmse(truth, predicted) ** 2 / variance;
}

function isPositive(predicted: Float64Array, row: number): boolean {
  return (predicted[row] as number) >= POSITIVE_FROM;
}

function meanOf(truth: Float64Array, term: (value: number, row: number) => number): number {
  let sum = 0;
  for (let i = 0; i < truth.length; i += 1) sum += term(truth[i] as number, i);
  return sum / truth.length;
}
