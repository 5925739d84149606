import type { EvaluationConfig, MetricName } from "../project/project.ts";
import type { EvaluateResult, Metrics, SliceReport, Verdict } from "./evaluate-spec.ts";
import { isBetterHigher } from "./metrics.ts";

/** How the champion stands to the candidate on these rows. */
export type Comparison =
  | { readonly kind: "first" }
  /** Its inputs or outputs are others: no rows can be put to both. */
  | { readonly kind: "incompatible"; readonly version: number; readonly reason: string }
  /** It should have answered and did not. */
  | { readonly kind: "failed"; readonly version: number; readonly reason: string }
  | {
      readonly kind: "compared";
      readonly version: number;
      readonly metrics: Metrics;
      /** null: the metric is not defined on these rows. */
      readonly change: EvaluateResult["change"];
    };

export interface Evidence {
  readonly metric: MetricName;
  readonly rows: number;
  readonly candidate: Metrics;
  readonly baseline: Metrics;
  readonly comparison: Comparison;
  readonly slices: readonly SliceReport[];
}

/** What a gate is asked; defaults of sluice.yaml filled in. */
export type GateConfig = Pick<
  EvaluationConfig,
  "thresholds" | "tolerance" | "sliceTolerance" | "minSliceRows"
>;

/** Every gate, each with its numbers in words; a candidate is let through when all are passed. */
export function judge(evidence: Evidence, config: GateConfig): Verdict[] {
  return [
    ...judgeThresholds(evidence.candidate, config.thresholds ?? []),
    judgeBaseline(evidence),
    judgeChange(evidence, config.tolerance),
    ...judgeSlices(evidence, config),
  ];
}

function judgeThresholds(
  candidate: Metrics,
  thresholds: NonNullable<GateConfig["thresholds"]>,
): Verdict[] {
  return thresholds.map(({ metric, min, max }) => {
    const value = candidate[metric];
    const asked = [
      ...(min === undefined ? [] : [`at least ${min}`]),
      ...(max === undefined ? [] : [`at most ${max}`]),
    ].join(" and ");
    const passed =
      value !== undefined &&
      value >= (min ?? Number.NEGATIVE_INFINITY) &&
      value <= (max ?? Number.POSITIVE_INFINITY);
    return { gate: "threshold", passed, text: `${metric}: asked ${asked}, got ${show(value)}` };
  });
}

function judgeBaseline({ metric, candidate, baseline, rows }: Evidence): Verdict {
  const [own, dummy] = [candidate[metric], baseline[metric]];
  const passed = own !== undefined && dummy !== undefined && gainOf(metric, own, dummy) > 0;
  return {
    gate: "baseline",
    passed,
    text: `${metric}: asked better than ${show(dummy)} (the same answer for every row), got ${show(own)} on ${rows} rows`,
  };
}

/**
 * The whole interval must lie at or above -tolerance: not "is it better on average?" but "can it be
 * ruled out that it is worse by more than is tolerated?" (non-inferiority). With few rows the
 * interval is wide and a candidate that may well be good is refused: nobody watches, so the doubt
 * is the champion's. At, not only above, so that an equal candidate passes with a tolerance of 0.
 *
 * A champion of other inputs or outputs cannot be compared at all: the candidate passes on its own
 * merits, and the signature gates of vetting and publishing still ask whether it may replace it. A
 * champion that fits but does not run leaves the change unknown, which is a refusal.
 */
function judgeChange(
  { metric, rows, candidate, comparison }: Evidence,
  tolerance: number,
): Verdict {
  const verdict = (passed: boolean, text: string): Verdict => ({ gate: "change", passed, text });
  switch (comparison.kind) {
    case "first":
      return verdict(true, "first version: nothing to compare with");
    case "incompatible":
      return verdict(
        true,
        `version ${comparison.version} cannot be put to these rows (${comparison.reason}): passed on its own merits`,
      );
    case "failed":
      return verdict(
        false,
        `version ${comparison.version} gave no answers to compare with: ${comparison.reason}`,
      );
    case "compared": {
      const { change, version, metrics } = comparison;
      const both = `${metric} ${show(candidate[metric])}, version ${version} ${show(metrics[metric])}`;
      if (change === null) return verdict(false, `${both}: not defined on these ${rows} rows`);
      return verdict(change.low >= -tolerance, describeChange(both, rows, tolerance, change));
    }
  }
}

function describeChange(
  both: string,
  rows: number,
  tolerance: number,
  change: NonNullable<EvaluateResult["change"]>,
): string {
  const interval = `change ${show(change.mean)}, 95 % interval ${show(change.low)} to ${show(change.high)} on ${rows} rows (positive is better)`;
  const asked = `asked: not below -${tolerance}`;
  const isWide = change.low < -tolerance && change.high >= 0;
  const why = isWide ? "; these rows are too few to rule out that it is worse" : "";
  return `${both}: ${interval}; ${asked}${why}`;
}

/** By the value itself, without an interval: the tolerance of a slice leaves room for its noise. */
function judgeSlices({ metric, slices }: Evidence, config: GateConfig): Verdict[] {
  const decisive = slices.filter((s) => s.champion !== null && s.rows >= config.minSliceRows);
  if (decisive.length === 0) return [];
  const worse = decisive.filter(
    (s) => gainOf(metric, s.candidate, s.champion ?? 0) < -config.sliceTolerance,
  );
  const asked = `asked: worse by at most ${config.sliceTolerance}`;
  if (worse.length === 0) {
    const lowest = Math.min(...decisive.map((s) => gainOf(metric, s.candidate, s.champion ?? 0)));
    const text = `${metric} in ${decisive.length} slices: the largest loss is ${show(Math.max(0, -lowest))}; ${asked}`;
    return [{ gate: "slice", passed: true, text }];
  }
  return worse.map((s) => ({
    gate: "slice",
    passed: false,
    text: `${metric} where ${s.column} is ${s.value}: ${show(s.candidate)}, champion ${show(s.champion ?? undefined)} on ${s.rows} rows; ${asked}`,
  }));
}

/** Positive: `a` is better than `b`. */
function gainOf(metric: MetricName, a: number, b: number): number {
  return isBetterHigher(metric) ? a - b : b - a;
}

const DIGITS = 4;

function show(value: number | undefined): string {
  if (value === undefined) return "none (not defined)";
  return String(Number(value.toPrecision(DIGITS)));
}
