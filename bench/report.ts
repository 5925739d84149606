import type { Environment } from "./environment.ts";
import type { LoadResult } from "./load-result.ts";
import type { NoiseReading } from "./machine/noise.ts";
import { explainNoResult, type RatioSummary } from "./ratio.ts";
import { renderMarkdownTable } from "./report/markdown-table.ts";
import type { Bar, Figure } from "./scenarios/figure.ts";
import type { ScenarioReport } from "./scenarios/scenario-report.ts";

/** Sluice against one baseline: runs in turn, paired. */
export interface Comparison {
  readonly ours: string;
  readonly baseline: string;
  readonly pairs: readonly { readonly ours: LoadResult; readonly baseline: LoadResult }[];
  /** Ours / baseline: above 1 is better. */
  readonly throughputRatio: RatioSummary;
  /** Ours / baseline: below 1 is better. */
  readonly p50Ratio: RatioSummary;
  readonly p99Ratio: RatioSummary;
}

/** What `sluice bench` writes as JSON. Times are milliseconds; nothing in it is secret. */
export interface BenchReport {
  readonly schemaVersion: 3;
  readonly environment: Environment;
  /** The model and how it was asked; null where a default was taken. */
  readonly settings: Readonly<Record<string, string | number | boolean | null>>;
  readonly results: readonly LoadResult[];
  readonly comparisons: readonly Comparison[];
  readonly scenarios: readonly ScenarioReport[];
  /** What disturbed each pair or repeat, in the order they ran. */
  readonly noise: readonly NoiseReading[];
  readonly warnings: readonly string[];
}

const RESULT_HEAD = [
  "run",
  "generator",
  "connections",
  "rate/s",
  "answers",
  "errors",
  "answers/s",
  "p50 ms",
  "p90",
  "p95",
  "p99",
  "p99.9",
  "max",
  "CPU µs",
  "RSS MiB",
  "peak",
] as const;

const FIGURE_HEAD = ["figure", "ours", "theirs", "ratio", "min-max", "bar", "verdict"] as const;

const RATIO_HEAD = [
  "ours / baseline",
  "pairs",
  "answers/s",
  "min-max",
  "p50",
  "min-max",
  "p99",
  "min-max",
] as const;

/** The report as Markdown, aligned so that it also reads well in a terminal. */
export function renderMarkdown(report: BenchReport): string {
  const { environment } = report;
  const settings = Object.entries(report.settings).filter(([, value]) => value !== null);
  const parts = [
    `${environment.date} | Node ${environment.node} | ${environment.platform} | ${environment.cores} x ${environment.cpu}`,
    `${environment.pinning} | ${describeNoises(report.noise)}`,
    settings.map(([key, value]) => `${key} ${value}`).join(" | "),
    ...report.scenarios.map(renderScenario),
  ];
  const results = allResults(report);
  if (results.length > 0) parts.push(renderMarkdownTable(RESULT_HEAD, results.map(resultRow)));
  if (report.comparisons.length > 0) {
    parts.push(renderMarkdownTable(RATIO_HEAD, report.comparisons.map(ratioRow)));
  }
  if (report.warnings.length > 0) {
    parts.push(report.warnings.map((warning) => `- warning: ${warning}`).join("\n"));
  }
  return `${parts.join("\n\n")}\n`;
}

function renderScenario(scenario: ScenarioReport): string {
  const { name, title, question, bar, figures, notes, failure } = scenario;
  const parts = [`## ${title} (${name})`, bar === null ? question : `${question} Bar: ${bar}`];
  if (failure !== null) parts.push(`Not measured: ${failure}`);
  if (figures.length > 0) parts.push(renderMarkdownTable(FIGURE_HEAD, figures.map(figureRow)));
  if (notes.length > 0) parts.push(notes.map((note) => `- ${note}`).join("\n"));
  return parts.join("\n\n");
}

function figureRow(row: Figure): string[] {
  const { ratio, bar } = row;
  const unit = row.unit === "" ? "" : ` ${row.unit}`;
  const [median, range] = ratio === null ? ["-", "-"] : ratioCells(ratio);
  return [
    row.name,
    `${figure(row.ours)}${unit}`,
    row.theirs === null ? "-" : `${figure(row.theirs)}${unit}`,
    median,
    range,
    bar === null ? "-" : describeBar(bar),
    row.verdict,
  ];
}

export function describeBar(bar: Bar): string {
  return "atLeast" in bar ? `>= ${bar.atLeast}` : `<= ${bar.atMost}`;
}

/** One line; the readings themselves are in the JSON. */
export function describeNoises(readings: readonly NoiseReading[]): string {
  if (readings.length === 0) return "noise was not watched";
  const noisy = readings.filter((reading) => reading.isNoisy).length;
  return `machine noisy in ${noisy} of ${readings.length} measurements`;
}

export function renderJson(report: BenchReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

/** Every load of the report. */
export function allResults(
  report: Pick<BenchReport, "results" | "comparisons" | "scenarios">,
): LoadResult[] {
  const paired = report.comparisons.flatMap((comparison) => comparison.pairs);
  return [
    ...report.results,
    ...paired.flatMap((pair) => [pair.ours, pair.baseline]),
    ...report.scenarios.flatMap((scenario) => scenario.runs),
  ];
}

function resultRow(result: LoadResult): string[] {
  const { latency, server } = result;
  return [
    result.name,
    result.generator ?? "-",
    String(result.connections),
    result.ratePerSec === null ? "closed" : figure(result.ratePerSec),
    String(result.requests),
    String(result.errorCount + result.unsent),
    figure(result.throughputPerSec),
    figure(latency.p50Ms),
    figure(latency.p90Ms),
    figure(latency.p95Ms),
    figure(latency.p99Ms),
    figure(latency.p999Ms),
    figure(latency.maxMs),
    server?.cpuUsPerAnswer == null ? "-" : figure(server.cpuUsPerAnswer),
    server === null ? "-" : mebibytes(server.rssBytes),
    server === null ? "-" : mebibytes(server.peakRssBytes),
  ];
}

function ratioRow(comparison: Comparison): string[] {
  const { throughputRatio, p50Ratio, p99Ratio } = comparison;
  return [
    `${comparison.ours} / ${comparison.baseline}`,
    String(comparison.pairs.length),
    ...ratioCells(throughputRatio),
    ...ratioCells(p50Ratio),
    ...ratioCells(p99Ratio),
  ];
}

/** Median and range. */
export function ratioCells(ratio: RatioSummary): readonly [string, string] {
  return [describeMedian(ratio), `${figure(ratio.min)}-${figure(ratio.max)}`];
}

/** A median that the spread does not support is not printed: somebody would quote it. */
export function describeMedian(ratio: RatioSummary): string {
  return ratio.isResult ? `${figure(ratio.median)}x` : `none (${explainNoResult(ratio)})`;
}

/** 3 significant digits, never in powers of ten. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  return size >= 1 ? value.toFixed(2) : value.toFixed(3);
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
