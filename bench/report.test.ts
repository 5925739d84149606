import assert from "node:assert/strict";
import { test } from "node:test";
import { summariseRatios } from "./ratio.ts";
import { type BenchReport, type Comparison, renderJson, renderMarkdown } from "./report.ts";
import { ENVIRONMENT, reportOf } from "./testing/report-of.ts";
import { resultOf } from "./testing/result-of.ts";
import { collectWarnings } from "./warnings.ts";

const USAGE = {
  ...{ processes: 1, cpuUs: 625_000, cores: 0.5, cpuUsPerAnswer: 12.5 },
  ...{ rssBytes: 100 * 1024 * 1024, peakRssBytes: 120 * 1024 * 1024 },
};

function comparisonOf(ours: number[], baseline: number[]): Comparison {
  const pairs = ours.map((rate, i) => ({
    ours: resultOf({ name: "sluice", throughputPerSec: rate }),
    baseline: resultOf({ name: "fastify", throughputPerSec: baseline[i] ?? 0 }),
  }));
  const ones = summariseRatios([1], [1], 0);
  return {
    ours: "sluice",
    baseline: "fastify",
    pairs,
    throughputRatio: summariseRatios(ours, baseline, 0),
    p50Ratio: ones,
    p99Ratio: ones,
  };
}

/** Of one load when nothing was compared. */
function renderable(comparisons: Comparison[]): BenchReport {
  const results = comparisons.length === 0 ? [resultOf({ server: USAGE })] : [];
  const settings = { model: "m", version: null, connections: 8 };
  const warnings = collectWarnings(ENVIRONMENT, results, comparisons, []);
  return reportOf({ settings, results, comparisons, warnings });
}

test("the table holds every percentile with 3 digits, and the environment stands above it", () => {
  const text = renderMarkdown(renderable([]));
  assert.match(
    text,
    /^2026-01-02T03:04:05\.000Z \| Node v20\.20\.2 .* 2 x Some CPU\n\nservers on core 0, generator on core 1 \| noise was not watched\n\nmodel m \| connections 8\n/,
  );
  const row = text.split("\n").find((line) => line.startsWith("| http-json"));
  assert.deepEqual(
    row?.split("|").map((cell) => cell.trim()),
    [
      "",
      "http-json",
      "native",
      "8",
      "closed",
      "50000",
      "0",
      "5000",
      "0.900",
      "1.50",
      "2.00",
      "12.3",
      "100",
      "250",
      "12.5",
      "100",
      "120",
      "",
    ],
  );
  assert.ok(!text.includes("ours / baseline"));
});

test("a ratio is printed with its range; one that is too wide is not printed at all", () => {
  assert.match(
    renderMarkdown(renderable([comparisonOf([20, 30], [10, 10])])),
    /\| +2\.50x \| +2\.00-3\.00 \|/,
  );
  const noisy = renderMarkdown(renderable([comparisonOf([10, 30], [10, 10])]));
  assert.ok(!noisy.includes("2.00x"), noisy);
  assert.match(noisy, /none \(spread > 2x\)/);
  assert.match(noisy, /no result: spread > 2x/);
});

test("JSON keeps everything, numbers unrounded", () => {
  const report = renderable([comparisonOf([20, 30], [10, 10])]);
  assert.deepEqual(JSON.parse(renderJson(report)), report);
});

test("each thing that makes figures doubtful has its warning, and a clean run has none", () => {
  assert.deepEqual(collectWarnings(ENVIRONMENT, [resultOf({})], [], []), []);
  const cases: [Parameters<typeof resultOf>[0], RegExp][] = [
    [{ errorCount: 3, firstError: "queue-full: full" }, /3 requests failed; the first: queue-full/],
    [{ ratePerSec: 900, unsent: 7 }, /900\/s were not kept up: 7 requests/],
    [{ generatorUtilization: 0.95 }, /95 % busy/],
    [{ ratePerSec: 10, sendLatenessP99Ms: 5 }, /5\.0 ms late/],
    [{ requests: 100 }, /100 answers are too few/],
  ];
  for (const [changes, expected] of cases) {
    const warnings = collectWarnings(ENVIRONMENT, [resultOf(changes)], [], []);
    assert.equal(warnings.length, 1, warnings.join("\n"));
    assert.match(warnings[0] ?? "", expected);
  }
  const busy = collectWarnings({ ...ENVIRONMENT, loadAverage: 1.5 }, [], [], []);
  assert.match(busy[0] ?? "", /load 1\.5 on 2 cores/);
});
