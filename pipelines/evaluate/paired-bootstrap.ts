import type { MetricName } from "../project/project.ts";
import type { EvaluateResult } from "./evaluate-spec.ts";
import { isBetterHigher, metricOf } from "./metrics.ts";

export interface BootstrapOptions {
  readonly metric: MetricName;
  readonly rounds: number;
  /** The same seed draws the same rows. */
  readonly seed: number;
}

type Change = NonNullable<EvaluateResult["change"]>;

const LOW = 0.025;
const HIGH = 0.975;
/** With fewer defined rounds than this share an interval would say nothing. */
const MIN_DEFINED = 0.5;

/**
 * How much better the candidate is than the champion, with its 95 % percentile interval (Efron and
 * Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13). Paired: each round draws rows once
 * and asks both models about them, so that rows which are hard for both cancel out. null when the
 * metric is not defined on most draws (one class only).
 */
export function pairedBootstrap(
  truth: Float64Array,
  candidate: Float64Array,
  champion: Float64Array,
  options: BootstrapOptions,
): Change | null {
  const sign = isBetterHigher(options.metric) ? 1 : -1;
  const random = seededRandom(options.seed);
  const ofCandidate = resampledMetric(options.metric, truth, candidate);
  const ofChampion = resampledMetric(options.metric, truth, champion);
  const counts = new Uint32Array(truth.length);
  const changes: number[] = [];
  for (let round = 0; round < options.rounds; round += 1) {
    drawRows(counts, random);
    const change = sign * (ofCandidate(counts) - ofChampion(counts));
    if (Number.isFinite(change)) changes.push(change);
  }
  if (changes.length === 0 || changes.length < options.rounds * MIN_DEFINED) return null;
  changes.sort((a, b) => a - b);
  const sum = changes.reduce((total, change) => total + change, 0);
  return { mean: sum / changes.length, low: quantile(changes, LOW), high: quantile(changes, HIGH) };
}

/** xorshift32 (Marsaglia 2003), in [0,1). */
export function seededRandom(seed: number): () => number {
  // Scattered first: small seeds alone would begin with small numbers. 0 would stay 0.
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** How often each row was drawn, with replacement. */
function drawRows(counts: Uint32Array, random: () => number): void {
  counts.fill(0);
  for (let draw = 0; draw < counts.length; draw += 1) {
    const row = Math.floor(random() * counts.length);
    counts[row] = (counts[row] as number) + 1;
  }
}

type ResampledMetric = (counts: Uint32Array) => number;

/** The metric over rows that stand as often as they were drawn. */
export function resampledMetric(
  metric: MetricName,
  truth: Float64Array,
  predicted: Float64Array,
): ResampledMetric {
  if (metric === "auc") return resampledAuc(truth, predicted);
  const drawnTruth = new Float64Array(truth.length);
  const drawnPredicted = new Float64Array(truth.length);
  return (counts) => {
    let at = 0;
    for (let row = 0; row < counts.length; row += 1) {
      for (let left = counts[row] as number; left > 0; left -= 1) {
        drawnTruth[at] = truth[row] as number;
        drawnPredicted[at] = predicted[row] as number;
        at += 1;
      }
    }
    return metricOf(metric, drawnTruth.subarray(0, at), drawnPredicted.subarray(0, at));
  };
}

/** Sorted once for all rounds: sorting in each would be nearly all of the work. */
function resampledAuc(truth: Float64Array, predicted: Float64Array): ResampledMetric {
  const order = Uint32Array.from(predicted, (_, i) => i);
  order.sort((a, b) => (predicted[a] as number) - (predicted[b] as number));
  const isTied = Uint8Array.from(order, (row, i) =>
    i > 0 && predicted[row] === predicted[order[i - 1] as number] ? 1 : 0,
  );
  return (counts) => {
    let [negatives, wins, tiedNegatives, tiedPositives, positives] = [0, 0, 0, 0, 0];
    for (let i = 0; i < order.length; i += 1) {
      if (isTied[i] === 0) {
        wins += tiedPositives * (negatives + tiedNegatives / 2);
        negatives += tiedNegatives;
        positives += tiedPositives;
        tiedNegatives = 0;
        tiedPositives = 0;
      }
      const row = order[i] as number;
      if ((truth[row] as number) > 0) tiedPositives += counts[row] as number;
      else tiedNegatives += counts[row] as number;
    }
    wins += tiedPositives * (negatives + tiedNegatives / 2);
    negatives += tiedNegatives;
    positives += tiedPositives;
    return wins / (positives * negatives);
  };
}

/** Linear between the two nearest of a sorted list. */
function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] as number;
  const high = sorted[Math.min(below + 1, sorted.length - 1)] as number;
  return low + (high - low) * (at - below);
}
