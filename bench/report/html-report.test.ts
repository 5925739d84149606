import assert from "node:assert/strict";
import { test } from "node:test";
import type { Series } from "../scenarios/figure.ts";
import { ratioFigure } from "../scenarios/figures.ts";
import { reportOf } from "../testing/report-of.ts";
import { resultOf } from "../testing/result-of.ts";
import { renderHtml } from "./html-report.ts";
import { renderPlot } from "./svg-plot.ts";

const FIGURE = ratioFigure({
  name: "mlp <json>",
  unit: "/s",
  ours: [200, 400],
  theirs: [100, 100],
  noisyPairs: 0,
  bar: { atLeast: 5 },
});

const BARS: Series = {
  plot: "Requests per second",
  kind: "bars",
  name: "sluice",
  xAxis: "",
  yAxis: "requests/s",
  points: [{ x: "mlp", y: 300, low: 200, high: 400 }],
};

const REPORT = reportOf({
  settings: { pairs: 2, url: null },
  results: [resultOf({ timeline: [sliceAt(0, 3), sliceAt(100, 50)] })],
  scenarios: [
    {
      ...{ name: "throughput", title: "Throughput", question: "How many?", bar: "5 times" },
      ...{ figures: [FIGURE], series: [BARS], notes: ["a note"], runs: [], seconds: 1 },
      failure: null,
    },
    {
      ...{ name: "other", title: "Other", question: "What?", bar: null },
      ...{ figures: [], series: [], notes: [], runs: [], seconds: 1 },
      failure: "no core <here>",
    },
  ],
  noise: [{ otherCores: 0.5, stolenCores: 0, slowdown: 1, isNoisy: true }],
  warnings: ["the machine was busy"],
});

function sliceAt(atMs: number, p99Ms: number) {
  return { atMs, answers: 10, errors: 0, p50Ms: 1, p99Ms, maxMs: 60 };
}

test("bars and verdicts come first, then each scenario, then every load", () => {
  const page = renderHtml(REPORT);
  const order = ["<h2>Bars</h2>", ">missed<", "<h2 id=", "a note", "Every load", "<td>closed</td>"];
  const places = order.map((part) => page.indexOf(part));
  assert.ok(places.every((place) => place > 0));
  assert.deepEqual(
    places.toSorted((a, b) => a - b),
    places,
  );
  assert.match(page, /3\.00x \(2\.00-4\.00\)/);
  assert.match(page, /noisy in 1 of 1 measurements/);
});

test("it needs nothing from elsewhere, and text cannot become markup", () => {
  const page = renderHtml(REPORT);
  assert.ok(!/<script|src=|href=|@import|url\(/i.test(page));
  assert.ok(page.includes("mlp &#60;json&#62;") && page.includes("no core &#60;here&#62;"));
  assert.match(page, /prefers-color-scheme:dark/);
});

test("bars are as long as their values, with the spread over them; the largest fills the plot", () => {
  const other = { ...BARS, name: "fastify", points: [{ x: "mlp", y: 200, low: null, high: null }] };
  const svg = renderPlot([BARS, other]);
  const widths = [...svg.matchAll(/<rect [^>]*width="([\d.]+)"/g)].map((match) => Number(match[1]));
  assert.ok(Math.abs((widths[0] ?? 0) / (widths[1] ?? 0) - 1.5) < 0.01, widths.join(" "));
  assert.equal([...svg.matchAll(/class="whisker"/g)].length, 1);
});

test("lines go up with their values and right with time", () => {
  const line: Series = {
    ...{ plot: "t", name: "p99", xAxis: "seconds", yAxis: "ms", kind: "line" },
    points: [
      { x: 0, y: 1, low: null, high: null },
      { x: 1, y: 50, low: null, high: null },
    ],
  };
  const path = /class="line s0" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"/.exec(renderPlot([line]));
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = (path ?? []).slice(1).map(Number);
  assert.ok(x2 > x1 && y2 < y1, `${x1},${y1} to ${x2},${y2}`);
});

test("a series without points draws nothing and hides no other", () => {
  const empty: Series = {
    ...{ plot: "t", name: "swaps", xAxis: "seconds", yAxis: "ms", kind: "line", points: [] },
  };
  const points = [{ x: 1, y: 2, low: null, high: null }];
  assert.equal(renderPlot([empty]), "");
  assert.ok(!/NaN|Infinity/.test(renderPlot([empty, { ...empty, points }])));
});
