import type { EvaluateResult } from "../evaluate/evaluate-spec.ts";
import type { ColumnDrift, ObserveResult } from "../monitors/observe-spec.ts";
import type { Problem } from "../quality/check-spec.ts";
import type { TrainResult } from "../train/train-spec.ts";
import { FLIGHT_DATASET } from "./flight-project.ts";
import type { Happening } from "./story-facts.ts";

type Details = Readonly<Record<string, unknown>>;
type Teller = (details: Details, happening: Happening) => string | null;

/** What happened and why, in one line for who watches; null for what is not worth one. */
export function tellEvent(happening: Happening): string | null {
  const { type, details } = happening.event;
  return TELLERS[type]?.(details, happening) ?? null;
}

const TELLERS: Readonly<Record<string, Teller>> = {
  "run.finished": (details, happening) =>
    FINISHED[String(details["kind"])]?.(details, happening) ?? null,
  "run.failed": (details) =>
    `A ${details["kind"]} job FAILED after ${details["attempts"]} attempts: ${details["error"]}`,
  "feed.refused": ({ count, files }) => {
    const [first] = files as readonly { readonly name: string; readonly reason: string }[];
    return `REFUSED ${count} files of the feed: ${first?.name}: ${first?.reason}`;
  },
  "feed.held": (details) => `The feed is HELD: ${listOf(details["problems"]).join("; ")}`,
  "contract.changed": (details) =>
    `Contract version ${details["version"]} over ${details["columns"]} columns, because ${whyContract(String(details["why"]))}`,
  "batch.landed": ({ dataset, rows }) =>
    dataset === FLIGHT_DATASET
      ? `Checked ${rows} rows: they keep the contract, so they land`
      : null,
  "batch.quarantined": ({ rows, problems }) =>
    `QUARANTINED ${rows} rows, because ${(problems as readonly Problem[]).map(tellProblem).join("; ")}`,
  "batch.released": ({ rows }) =>
    `Released ${rows} rows from quarantine, because the new contract lets them in`,
  "train.triggered": ({ reason }) => `Training, because of ${reason}`,
  "train.withheld": ({ reason }) => `Not training: ${reason}`,
  "gate.passed": tellPassed,
  "gate.failed": ({ gate, reason }) => `REFUSED by the gate '${gate}': ${reason}`,
  "model.versioned": ({ replaced }, { event }) => {
    const was = typeof replaced === "number" ? `in place of version ${replaced}` : "the first";
    return `Published ${event.subject.replace("model:", "").replace("@", " version ")}, ${was}: servers fetch, vet and load it by themselves`;
  },
  "window.closed": tellWindow,
  "monitor.alert": tellAlert,
  "predictions.scored": ({ rows, into }, { event }) =>
    `Scored ${rows} rows with version ${event.subject.split("@")[1]} into '${into}', for the feed`,
};

const FINISHED: Readonly<Record<string, Teller>> = {
  pull: (_, { run }) => {
    const batch = (run?.result as PullFacts | null)?.batch ?? null;
    if (batch === null) return null;
    const treated = Object.entries(batch.treatments)
      .filter(([, how]) => !how.startsWith("keep"))
      .map(([column, how]) => `${how} ${column}`);
    const before = treated.length === 0 ? "" : `; before the disk: ${treated.join(", ")}`;
    return `Pulled ${batch.rows} rows${before}`;
  },
  train: (_, { run }) => {
    const result = (run?.result as TrainResult | null) ?? null;
    if (result === null) return null;
    const { rows, metrics } = result;
    const auc = metrics["validation_auc"];
    const measured = auc === undefined ? "" : `, AUC ${show(auc)} on the rows it stopped by`;
    return `Trained ${metrics["trees"] ?? "?"} trees on ${rows.train} rows${measured}; ${rows.evaluation} rows held back to judge it`;
  },
  observe: (details, { event, run }) => {
    if (!/labels came/.test(String(details["reason"]))) return null;
    const performance = (run?.result as ObserveResult | null)?.performance ?? null;
    if (performance?.realised == null) return null;
    return `Looked at a window of version ${event.subject.split("@")[1]} again, because labels came: ${tellPerformance(performance)}`;
  },
};

interface PullFacts {
  readonly batch: {
    readonly rows: number;
    readonly treatments: Readonly<Record<string, string>>;
  } | null;
}

function whyContract(why: string): string {
  return why.startsWith("inferred") ? `it was ${why}` : why;
}

function tellPassed(details: Details): string | null {
  switch (details["gate"]) {
    case "replay": {
      const replay = details["replay"] as {
        rows: number;
        maxAbsDifference: number;
        tolerance: number;
      } | null;
      const size = `${Math.ceil(Number(details["modelBytes"]) / 1024)} KiB of ONNX`;
      if (replay === null) return `Compiled to ${size}`;
      return `Compiled to ${size}: replays the trainer's answers on ${replay.rows} rows (differs by ${show(replay.maxAbsDifference)}, allowed ${show(replay.tolerance)})`;
    }
    case "vet":
      return `Vetted in a process of its own: ${details["goldenCount"]} golden requests answered as they should`;
    case "evaluate":
      return tellEvaluation(details as unknown as EvaluateResult);
    default:
      return null;
  }
}

function tellEvaluation({ verdicts, isRubberStamp }: EvaluateResult): string {
  const wanted = isRubberStamp ? "baseline" : "change";
  const text = verdicts.find(({ gate }) => gate === wanted)?.text ?? "";
  const stamp = isRubberStamp ? " (rubber stamp: no champion yet)" : "";
  return `Passed every gate${stamp}: ${text}`;
}

function tellWindow(details: Details): string {
  const drifted = listOf(details["drifted"]);
  const performance = details["performance"] as ObserveResult["performance"];
  const what = drifted.length === 0 ? "quiet" : `drifted in ${drifted.join(", ")}`;
  const labels = performance === null ? "" : `; ${tellPerformance(performance)}`;
  return `Window ${details["number"]} of version ${details["version"]} (${details["rows"]} rows): ${what}${labels}`;
}

function tellPerformance({
  metric,
  realised,
  evaluated,
  coverage,
  isDegraded,
}: NonNullable<ObserveResult["performance"]>): string {
  const labels = `labels for ${Math.round(coverage * 100)} % of the rows`;
  const name = metric.toUpperCase();
  if (realised === null) return `${labels}, too few to say its ${name}`;
  const was = evaluated === null ? "" : `, ${show(evaluated)} at evaluation`;
  return `${name} ${show(realised)} realised${was}, ${labels}${isDegraded ? ": DEGRADED" : ""}`;
}

function tellAlert(details: Details): string {
  if (details["kind"] !== "drift") {
    const performance = details["performance"] as NonNullable<ObserveResult["performance"]>;
    return `ALERT in window ${details["number"]}: ${tellPerformance(performance)}`;
  }
  const columns = details["columns"] as readonly ColumnDrift[];
  const texts = columns.map(({ column, text }) => `${column} (${text})`);
  return `ALERT, drift in window ${details["number"]}: ${texts.join("; ")}`;
}

function tellProblem({ column, rule, expected, found }: Problem): string {
  return `${column ?? "the batch"} breaks the rule '${rule}': expected ${expected}, found ${found}`;
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function show(value: number): string {
  return String(Number(value.toPrecision(3)));
}
