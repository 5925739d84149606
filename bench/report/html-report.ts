import type { LoadResult } from "../load-result.ts";
import { explainNoResult } from "../ratio.ts";
import { allResults, type BenchReport, describeBar, describeNoises, figure } from "../report.ts";
import type { Figure, Series } from "../scenarios/figure.ts";
import { lineSeries } from "../scenarios/figures.ts";
import type { ScenarioReport } from "../scenarios/scenario-report.ts";
import { PAGE_STYLE } from "./page-style.ts";
import { percentilePoints } from "./percentile-points.ts";
import { COLOURS, escapeMarkup, renderPlot } from "./svg-plot.ts";

/** The report as one page that needs nothing else: no script, no font, no other file. */
export function renderHtml(report: BenchReport): string {
  const { environment } = report;
  const facts = [
    environment.date,
    `Node ${environment.node}`,
    environment.platform,
    `${environment.cores} x ${environment.cpu}`,
    environment.pinning,
    describeNoises(report.noise),
  ];
  const settings = Object.entries(report.settings).filter(([, value]) => value !== null);
  const body = [
    "<h1>sluice bench</h1>",
    paragraph(facts.join(" · ")),
    paragraph(settings.map(([key, value]) => `${key} ${value}`).join(" · ")),
    renderVerdicts(report.scenarios),
    ...report.warnings.map((warning) => `<p class="warning">${escapeMarkup(warning)}</p>`),
    ...report.scenarios.map(renderScenario),
    renderPlots(seriesOfResults(report)),
    "<h2>Every load</h2>",
    renderResults(allResults(report)),
  ];
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>sluice bench</title><style>${PAGE_STYLE}</style></head>
<body>${body.join("\n")}</body>
</html>
`;
}

/** All figures that have a bar, before anything else. */
function renderVerdicts(scenarios: readonly ScenarioReport[]): string {
  const figures = scenarios.flatMap((scenario) => scenario.figures.filter((each) => each.bar));
  return figures.length === 0 ? "" : `<h2>Bars</h2>${renderFigures(figures)}`;
}

function renderScenario(scenario: ScenarioReport): string {
  const bar = scenario.bar === null ? "" : ` Bar: ${scenario.bar}`;
  return [
    `<h2 id="${escapeMarkup(scenario.name)}">${escapeMarkup(scenario.title)}</h2>`,
    paragraph(scenario.question + bar),
    scenario.failure === null
      ? ""
      : `<p class="warning">Not measured: ${escapeMarkup(scenario.failure)}</p>`,
    scenario.figures.length === 0 ? "" : renderFigures(scenario.figures),
    ...scenario.notes.map(paragraph),
    renderPlots(scenario.series),
  ].join("\n");
}

function renderFigures(figures: readonly Figure[]): string {
  const rows = figures.map((each) => {
    const unit = each.unit === "" ? "" : ` ${each.unit}`;
    const cells = [
      each.name,
      `${figure(each.ours)}${unit}`,
      each.theirs === null ? "" : `${figure(each.theirs)}${unit}`,
      describeRatio(each),
      each.bar === null ? "" : describeBar(each.bar),
    ];
    const verdict = `<td class="${each.verdict}">${each.verdict}</td>`;
    return `<tr>${cells.map(cell).join("")}${verdict}</tr>`;
  });
  return renderTable(["figure", "ours", "theirs", "ratio", "bar", "verdict"], rows);
}

function describeRatio({ ratio }: Figure): string {
  if (ratio === null) return "";
  const range = `(${figure(ratio.min)}-${figure(ratio.max)})`;
  const median = ratio.isResult ? `${figure(ratio.median)}x` : `none: ${explainNoResult(ratio)}`;
  return `${median} ${range}`;
}

function renderPlots(series: readonly Series[]): string {
  const titles = [...new Set(series.map((each) => each.plot))];
  return titles
    .map((title) => {
      const own = series.filter((each) => each.plot === title);
      return `<figure><figcaption>${escapeMarkup(title)}</figcaption>${renderPlot(own)}${renderLegend(own)}</figure>`;
    })
    .join("\n");
}

function renderLegend(series: readonly Series[]): string {
  const entries = series.map(
    ({ name }, i) => `<li><i class="b${i % COLOURS}"></i>${escapeMarkup(name)}</li>`,
  );
  return `<ul class="legend">${entries.join("")}</ul>`;
}

/** Latency by percentile and timelines of loads that belong to no scenario. */
function seriesOfResults({ results }: BenchReport): Series[] {
  return results.flatMap((result) => [percentileSeries(result), ...timelineSeries(result)]);
}

function percentileSeries(result: LoadResult): Series {
  const { xAxis, points } = percentilePoints(result.latency);
  return lineSeries({ plot: "Latency", name: result.name, xAxis, yAxis: "ms" }, points);
}

export function timelineSeries(result: LoadResult): Series[] {
  if (result.timeline === null) return [];
  const axes = { plot: `Timeline: ${result.name}`, xAxis: "seconds", yAxis: "ms" };
  const answered = result.timeline.filter((slice) => slice.answers > 0);
  return [
    lineSeries(
      { ...axes, name: "p99 of the slice" },
      answered.map((slice) => [slice.atMs / 1000, slice.p99Ms]),
    ),
    lineSeries(
      { ...axes, name: "p50 of the slice" },
      answered.map((slice) => [slice.atMs / 1000, slice.p50Ms]),
    ),
  ];
}

function renderResults(results: readonly LoadResult[]): string {
  const rows = results.map((result) => {
    const { latency, server } = result;
    const cells = [
      result.name,
      result.generator ?? "",
      String(result.connections),
      result.ratePerSec === null ? "closed" : figure(result.ratePerSec),
      figure(result.throughputPerSec),
      String(result.errorCount + result.unsent),
      ...[latency.p50Ms, latency.p90Ms, latency.p99Ms, latency.p999Ms].map(figure),
      server?.cpuUsPerAnswer == null ? "" : figure(server.cpuUsPerAnswer),
      server === null ? "" : (server.peakRssBytes / 1024 / 1024).toFixed(0),
    ];
    return `<tr>${cells.map(cell).join("")}</tr>`;
  });
  const head = [
    "load",
    "generator",
    "connections",
    "rate/s",
    "answers/s",
    "errors",
    "p50 ms",
    "p90",
  ];
  return renderTable([...head, "p99", "p99.9", "CPU µs", "peak RSS MiB"], rows);
}

function renderTable(head: readonly string[], rows: readonly string[]): string {
  const titles = head.map((title) => `<th>${escapeMarkup(title)}</th>`).join("");
  return `<div class="scroll"><table><tr>${titles}</tr>${rows.join("")}</table></div>`;
}

function cell(words: string): string {
  return `<td>${escapeMarkup(words)}</td>`;
}

function paragraph(words: string): string {
  return `<p>${escapeMarkup(words)}</p>`;
}
