import { isBetterHigher, metricOf } from "../evaluate/metrics.ts";
import type { MetricName } from "../project/project.ts";
import { bootstrapInterval, type Interval } from "./statistics/bootstrap-interval.ts";

/** What became of a window's predictions. */
export interface Outcomes {
  /** Rows of the window, with a label or without. */
  readonly rows: number;
  /** Of the rows with a label and a prediction: 0 or 1, or the value. */
  readonly truth: Float64Array;
  /** Of the same rows. */
  readonly predicted: Float64Array;
}

export interface PerformanceBounds {
  readonly metric: MetricName;
  /** Most that the window may be worse than at evaluation, in units of the metric. */
  readonly maxDrop: number;
  /** Least share of labelled rows. */
  readonly coverage: number;
}

export interface WindowPerformance {
  readonly metric: MetricName;
  readonly coverage: number;
  /** null: too few labels, or a metric that they do not define (one class only). */
  readonly realised: number | null;
  /** 95 % bootstrap interval of `realised`. */
  readonly interval: Interval | null;
  readonly evaluated: number | null;
  readonly isDegraded: boolean;
}

/**
 * The realised metric of a window, and whether it is degraded: worse than at evaluation by more than
 * `maxDrop` AND beyond chance, that is the window's whole 95 % bootstrap interval is worse than the
 * evaluated value. The first bound says how much matters, the second that it is no accident of few
 * rows; like the two halves of the drift rule, neither may act alone. The chance in the evaluated value
 * itself is not counted: it rests on more rows than a window.
 * @param evaluated the metric at evaluation; null: nothing is degraded
 */
export function performanceOf(
  outcomes: Outcomes,
  bounds: PerformanceBounds,
  evaluated: number | null,
): WindowPerformance {
  const { metric } = bounds;
  const { truth, predicted } = outcomes;
  const coverage = outcomes.rows === 0 ? 0 : truth.length / outcomes.rows;
  const base = { metric, coverage, evaluated };
  const nothing = { ...base, realised: null, interval: null, isDegraded: false };
  if (truth.length === 0 || coverage < bounds.coverage) return nothing;
  const realised = metricOf(metric, truth, predicted);
  if (!Number.isFinite(realised)) return nothing;
  const interval = bootstrapInterval(truth.length, (drawn) =>
    metricOf(
      metric,
      Float64Array.from(drawn, (row) => truth[row] as number),
      Float64Array.from(drawn, (row) => predicted[row] as number),
    ),
  );
  const isDegraded =
    evaluated !== null &&
    interval !== null &&
    dropOf(metric, evaluated, realised) > bounds.maxDrop &&
    dropOf(metric, evaluated, isBetterHigher(metric) ? interval.high : interval.low) > 0;
  return { ...base, realised, interval, isDegraded };
}

/** Positive where `realised` is worse. */
function dropOf(metric: MetricName, evaluated: number, realised: number): number {
  return isBetterHigher(metric) ? evaluated - realised : realised - evaluated;
}
