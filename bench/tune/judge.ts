import { isQuietEnough } from "../machine/noise.ts";
import type { RatioSummary } from "../ratio.ts";
import type { Outcome, Verdict } from "./trial.ts";

/** Less is not worth a line in a configuration, and noise reaches it easily. */
const CLEAR_GAIN = 1.05;

export type FirstVerdict = Exclude<Verdict, "unconfirmed">;

/**
 * Whether a candidate may replace the best. More requests per second decide among those that keep the
 * limit of p99; while the best does not keep it, a lower p99 decides.
 * @param p99LimitMs null: none
 */
export function judgeCandidate(outcome: Outcome, p99LimitMs: number | null): FirstVerdict {
  if (outcome.kind === "failed") return "failed";
  const limitMs = p99LimitMs ?? Number.POSITIVE_INFINITY;
  if (outcome.best.p99Ms > limitMs) return judgeRatio(inverse(outcome.p99Ratio));
  if (outcome.candidate.p99Ms > limitMs) return "over-limit";
  return judgeRatio(outcome.requestsRatio);
}

/**
 * Every pair says so on a machine that was quiet, or it is 5 %, a result, and more than the pairs' own
 * scatter makes likely.
 */
export function isClearlyAbove(ratio: RatioSummary): boolean {
  if (ratio.min > 1 && isQuietEnough(ratio.pairs.length, ratio.noisyPairs)) return true;
  return ratio.isResult && ratio.median >= CLEAR_GAIN && standardErrorsAboveOne(ratio.pairs) >= 2;
}

/** How far the pairs' mean logarithm lies above 0, in its standard errors. */
function standardErrorsAboveOne(pairs: readonly number[]): number {
  const logs = pairs.map(Math.log);
  const mean = meanOf(logs);
  const variance = meanOf(logs.map((log) => (log - mean) ** 2)) * (logs.length / (logs.length - 1));
  return mean / Math.sqrt(variance / logs.length);
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function judgeRatio(ratio: RatioSummary): FirstVerdict {
  if (isClearlyAbove(ratio)) return "better";
  // Where every pair lost there is nothing to find, however far they lie apart.
  return ratio.isResult || ratio.max < 1 ? "not-better" : "too-noisy";
}

function inverse(ratio: RatioSummary): RatioSummary {
  const pairs = ratio.pairs.map((value) => 1 / value);
  return { ...ratio, pairs, median: 1 / ratio.median, min: 1 / ratio.max, max: 1 / ratio.min };
}
