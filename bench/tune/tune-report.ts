import type { Environment } from "../environment.ts";
import type { GeneratorKind } from "../generator.ts";
import type { NoiseReading } from "../machine/noise.ts";
import { renderMarkdownTable } from "../report/markdown-table.ts";
import { describeMedian, describeNoises, figure, ratioCells } from "../report.ts";
import type { SkippedAxis } from "./axis.ts";
import type { Conclusion } from "./conclusion.ts";
import type { SearchResult } from "./search.ts";
import { lastOutcome, type Outcome, type Trial } from "./trial.ts";
import { describeSettings, type TunedKey } from "./tuned-settings.ts";

export interface TunedModel {
  /** Its name without folders. */
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** How the model was asked. */
export interface TuneLoad {
  readonly protocol: string;
  readonly connections: number;
  /** First dimension of the largest request. */
  readonly rows: number;
  readonly inputFile: string | null;
  readonly shapes: string | null;
  readonly durationSecs: number;
  readonly warmupSecs: number;
  readonly pairs: number;
  readonly p99LimitMs: number | null;
  /** null: nothing was measured. */
  readonly generator: GeneratorKind | null;
}

/** What `sluice tune` measured and what it makes of that. Nothing in it is secret. */
export interface TuneReport {
  readonly environment: Environment;
  readonly model: TunedModel;
  readonly load: TuneLoad;
  readonly engine: "native" | "portable";
  readonly result: SearchResult;
  readonly conclusion: Conclusion;
  readonly skipped: readonly SkippedAxis[];
  readonly noise: readonly NoiseReading[];
  readonly warnings: readonly string[];
}

const HEAD = ["setting", "from", "to", "requests/s", "min-max", "p99 ms", "against", "verdict"];

export function renderTuneJson(report: TuneReport): string {
  const { conclusion } = report;
  const settled = Object.fromEntries(conclusion.settled);
  const plain = { ...report, conclusion: { ...conclusion, settled } };
  return `${JSON.stringify({ schemaVersion: 1, ...plain }, null, 2)}\n`;
}

/** Markdown that also reads well in a terminal, without the settings to paste. */
export function renderTuneMarkdown(report: TuneReport): string {
  const { environment, load, result, model } = report;
  const parts = [
    `${environment.date} | Node ${environment.node} | ${environment.platform} | ${environment.cores} x ${environment.cpu} | ${describeNoises(report.noise)}`,
    `${model.file}, sha256 ${model.sha256} | ${report.engine} engine | ${load.protocol}, ${load.connections} connections, ${load.rows} rows a request, ${load.generator ?? "no"} generator | ${load.pairs} pairs of ${load.durationSecs} s`,
    `start: ${describeSettings(result.start)}`,
  ];
  if (result.trials.length > 0) parts.push(renderMarkdownTable(HEAD, result.trials.map(trialRow)));
  parts.push(renderReasons(report));
  if (report.warnings.length > 0) {
    parts.push(report.warnings.map((warning) => `- warning: ${warning}`).join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
}

/** What stands above the settings in server.yaml, without `#`. */
export function renderComment({ environment, model, load, conclusion }: TuneReport): string[] {
  const keys = [...conclusion.settled.keys()].join(", ");
  const date = environment.date.slice(0, 10);
  return [
    `${keys}: measured on ${date} with ${model.file}, sha256 ${model.sha256},`,
    `over ${load.protocol} with ${load.connections} connections, on ${environment.cores} x ${environment.cpu}.`,
    "They hold for all models of this server. Measure again when the model, the load or the machine changes.",
  ];
}

function trialRow(trial: Trial): string[] {
  const outcome = lastOutcome(trial);
  const head = [trial.key, String(trial.from), String(trial.to)];
  if (outcome.kind === "failed") return [...head, "-", "-", "-", "-", trial.verdict];
  const { requestsRatio, candidate, best } = outcome;
  const p99 = [figure(candidate.p99Ms), figure(best.p99Ms)];
  return [...head, ...ratioCells(requestsRatio), ...p99, trial.verdict];
}

/** One line a setting, then the whole. */
function renderReasons({ result, conclusion, skipped, load }: TuneReport): string {
  const keys = [...conclusion.settled.keys(), ...conclusion.unsettled];
  const lines = keys.map((key) => `- ${key}: ${result.chosen[key]}: ${reasonOf(key, result)}`);
  lines.push(...skipped.map(({ key, why }) => `- ${key}: not tried: ${why}`));
  lines.push(
    ...result.untried.map(({ key, values }) => `- ${key}: no time for ${values.join(", ")}`),
  );
  lines.push(`- chosen against start: ${describeFinal(result)}`);
  const { figures, isWithinLimit } = conclusion;
  if (figures !== null) {
    const rate = `${figure(figures.requestsPerSec)} requests/s, p99 ${figure(figures.p99Ms)} ms`;
    const limit = load.p99LimitMs === null ? "" : `, limit ${load.p99LimitMs} ms`;
    lines.push(`- chosen: ${rate}${limit}${isWithinLimit === false ? ": NOT KEPT" : ""}`);
  }
  return lines.join("\n");
}

function reasonOf(key: TunedKey, { trials, chosen }: SearchResult): string {
  const own = trials.filter((trial) => trial.key === key);
  if (own.length === 0) return "the start; nothing else was tried";
  const won = own.findLast((trial) => trial.verdict === "better" && trial.to === chosen[key]);
  if (won !== undefined) return `${describeOutcome(lastOutcome(won))} against ${won.from}`;
  const others = own.map(
    (trial) => `${trial.to} ${describeOutcome(lastOutcome(trial))} (${trial.verdict})`,
  );
  return `the start; ${others.join("; ")}`;
}

function describeFinal({ finalCheck, isFinalCheckPassed }: SearchResult): string {
  if (finalCheck === null) return "the same; nothing was clearly better";
  const seen = describeOutcome(finalCheck);
  return isFinalCheckPassed
    ? seen
    : `what was found gave ${seen}, not clearly better: the start stays`;
}

function describeOutcome(outcome: Outcome): string {
  return outcome.kind === "failed" ? outcome.why : describeMedian(outcome.requestsRatio);
}
