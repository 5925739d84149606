import type { CompileResult, VetResult } from "../compile/compile-spec.ts";
import type { EvaluateResult, Metrics } from "../evaluate/evaluate-spec.ts";
import type { PullResult } from "../feeds/pull-spec.ts";
import type { JobKind, Jobs } from "../jobs/job.ts";
import type { CollectResult, ObserveResult } from "../monitors/observe-spec.ts";
import type { WatchedWindow } from "../monitors/watched-window.ts";
import type { PublishResult } from "../publish/publish-spec.ts";
import type { CheckResult, Problem } from "../quality/check-spec.ts";
import type { ScoreResult } from "../score/score-spec.ts";
import type { TrainResult } from "../train/train-spec.ts";
import { describeNumber } from "./describe-number.ts";

type Describers = { readonly [K in JobKind]: (result: Jobs[K]["result"]) => readonly string[] };

const DESCRIBERS: Describers = {
  pull: describePull,
  check: describeCheck,
  train: describeTrain,
  compile: describeCompile,
  vet: describeVet,
  evaluate: describeEvaluation,
  publish: describePublish,
  score: describeScore,
  collect: describeCollect,
  observe: describeObservation,
};

/** What a finished run decided, and on what; `kind` is a JobKind, or of a newer program: no lines. */
export function describeResult(kind: string, resultJson: string | null): readonly string[] {
  if (resultJson === null || !Object.hasOwn(DESCRIBERS, kind)) return [];
  try {
    return DESCRIBERS[kind as JobKind](JSON.parse(resultJson) as never);
  } catch (thrown) {
    // A store outlives the program that filled it: one old result must not hide the rest of a story.
    return [`its result was written by another version of this program (${String(thrown)})`];
  }
}

function describePull({
  outcome,
  batch,
  hasMore,
  problems,
  refusedFiles,
}: PullResult): readonly string[] {
  const more = hasMore ? "; more are waiting" : "";
  const what = batch === null ? outcome : `${batch.rows} rows, ${batch.bytes} bytes${more}`;
  const refused = refusedFiles.map(({ name, reason }) => `refused ${name}: ${reason}`);
  return [what, ...problems, ...refused, ...describeTreatments(batch?.treatments ?? {})];
}

/** Columns that are not as their source has them. */
export function describeTreatments(
  treatments: Readonly<Record<string, string>>,
): readonly string[] {
  const changed = Object.entries(treatments).filter(([, each]) => !each.startsWith("keep"));
  return changed.length === 0
    ? []
    : [`treated before the disk: ${changed.map(([column, how]) => `${column} ${how}`).join(", ")}`];
}

function describeCheck(result: CheckResult): readonly string[] {
  const { outcome, rows, problems, inferred, updatedRows } = result;
  const learned = inferred === null ? [] : ["the contract was inferred with this batch"];
  const updated = updatedRows === 0 ? [] : [`${updatedRows} rows have the key of an earlier one`];
  return [`${outcome}, ${rows} rows`, ...updated, ...learned, ...problems.map(describeProblem)];
}

export function describeProblem({ column, rule, expected, found }: Problem): string {
  return `${column ?? "batch"} ${rule}: expected ${expected}, found ${found}`;
}

function describeTrain({ rows, metrics, artifact }: TrainResult): readonly string[] {
  const { train, validation, evaluation } = rows;
  return [
    `rows: ${train} to train on, ${validation} to stop by, ${evaluation} held back`,
    `made ${artifact.kind}; ${describeMetrics(metrics)}`,
  ];
}

function describeCompile({
  outcome,
  reason,
  replay,
  modelBytes,
}: CompileResult): readonly string[] {
  const replayed =
    replay === null
      ? []
      : [
          `replay of ${replay.rows} rows: differs from the trainer by ${describeNumber(replay.maxAbsDifference)} at most, allowed ${describeNumber(replay.tolerance)}`,
        ];
  return [describeOutcome(outcome, reason), ...replayed, `${modelBytes} bytes of ONNX`];
}

const MIB = 1024 * 1024;

function describeVet({ outcome, reason, goldenCount, peakRssBytes }: VetResult): readonly string[] {
  const memory = peakRssBytes === null ? "" : `, ${Math.ceil(peakRssBytes / MIB)} MiB at most`;
  return [describeOutcome(outcome, reason), `${goldenCount} golden requests answered${memory}`];
}

function describeOutcome(outcome: string, reason: string | null): string {
  return reason === null ? outcome : `${outcome}: ${reason}`;
}

/** The verdicts first: they decided. */
export function describeEvaluation(result: EvaluateResult): readonly string[] {
  const { outcome, isRubberStamp, metric, rows, candidate, champion, change } = result;
  const stamp = isRubberStamp ? ", with no champion to compare with (rubber stamp)" : "";
  const compared = champion === null ? "" : `; champion ${describeMetrics(champion)}`;
  const changed =
    change === null
      ? []
      : [
          `change in ${metric}: ${describeNumber(change.mean)}, 95 % interval ${describeNumber(change.low)} to ${describeNumber(change.high)} (positive is better)`,
        ];
  return [
    `${outcome} on ${rows} rows${stamp}`,
    ...result.verdicts.map(({ gate, passed, text }) => `${passed ? "ok" : "NO"} ${gate}: ${text}`),
    `candidate ${describeMetrics(candidate)}${compared}; baseline ${describeMetrics(result.baseline)}`,
    ...changed,
  ];
}

function describeMetrics(metrics: Metrics | Readonly<Record<string, number>>): string {
  const texts = Object.entries(metrics).map(([key, value]) => `${key} ${describeNumber(value)}`);
  return texts.length === 0 ? "no metrics" : texts.join(", ");
}

function describePublish(result: PublishResult): readonly string[] {
  if (result.outcome === "championMoved") return [`not published: ${result.reason}`];
  const { version, generation, replaced } = result;
  const was = replaced === null ? "the first" : `in place of ${replaced}`;
  return [`version ${version}, ${was}; generation ${generation} of the repository`];
}

function describeScore({ batch }: ScoreResult): readonly string[] {
  return [`${batch.rows} predictions`];
}

function describeCollect({ predictions, labels, unreadable }: CollectResult): readonly string[] {
  const of = predictions.map(({ model, version, rows }) => `${model}@${version}: ${rows} rows`);
  return [
    ...of,
    ...(labels === null ? [] : [`${labels.rows} labels`]),
    ...(unreadable === 0 ? [] : [`${unreadable} lines could not be read`]),
  ];
}

/** Drifted columns first. */
export function describeObservation(result: ObserveResult): readonly string[] {
  const { rows, drift, performance } = result;
  const drifted = drift.filter(({ hasDrifted }) => hasDrifted);
  return [
    `${rows} rows, ${drift.length} columns watched, ${drifted.length} drifted`,
    ...drifted.map(
      ({ column, distance, adjustedP, text }) =>
        `drift in ${column}: distance ${describeNumber(distance)}, adjusted p ${describeNumber(adjustedP)}; ${text}`,
    ),
    ...describePerformance(performance),
  ];
}

/** The last look at a window, and what it means beside the windows before it. */
export function describeWindow(window: WatchedWindow): readonly string[] {
  const { alertColumns, isDegradationAlert } = window;
  const enough = "in enough of the last windows to act on";
  return [
    ...describeObservation(window),
    ...(alertColumns.length === 0 ? [] : [`alert: ${alertColumns.join(", ")} drifted ${enough}`]),
    ...(isDegradationAlert ? [`alert: degraded ${enough}`] : []),
  ];
}

function describePerformance(performance: ObserveResult["performance"]): readonly string[] {
  if (performance === null) return [];
  const { metric, coverage, realised, evaluated, isDegraded } = performance;
  const labels = `labels for ${describeNumber(coverage * 100)} % of the rows`;
  if (realised === null) return [`${metric}: ${labels}, too few to count`];
  const was = evaluated === null ? "" : `, ${describeNumber(evaluated)} at evaluation`;
  const verdict = isDegraded ? "; degraded" : "";
  return [`${metric} ${describeNumber(realised)} realised${was}, ${labels}${verdict}`];
}
