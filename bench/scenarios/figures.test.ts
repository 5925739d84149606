import assert from "node:assert/strict";
import { test } from "node:test";
import { differenceFigure, judge, plainFigure, ratioFigure } from "./figures.ts";

const PAIRS = { name: "f", unit: "/s", ours: [200, 90, 300], theirs: [100, 30, 200] };

test("a bar is met at its value, missed past it, and unknown where there is no result", () => {
  assert.equal(judge(5, { atLeast: 5 }, true), "met");
  assert.equal(judge(4.99, { atLeast: 5 }, true), "missed");
  assert.equal(judge(1.2, { atMost: 1.2 }, true), "met");
  assert.equal(judge(1.21, { atMost: 1.2 }, true), "missed");
  assert.equal(judge(9, { atLeast: 5 }, false), "too-noisy");
  assert.equal(judge(9, null, false), "no-bar");
});

test("a ratio is judged by the median of its pairs", () => {
  const figure = ratioFigure({ ...PAIRS, noisyPairs: 0, bar: { atLeast: 2 } });
  assert.deepEqual([figure.ours, figure.theirs, figure.ratio?.median], [200, 100, 2]);
  assert.equal(figure.verdict, "met");
  assert.equal(ratioFigure({ ...PAIRS, noisyPairs: 2, bar: { atLeast: 2 } }).verdict, "too-noisy");
});

test("a difference is taken pair by pair too", () => {
  const figure = differenceFigure({ ...PAIRS, noisyPairs: 0, bar: { atMost: 99 } });
  assert.deepEqual([figure.ours, figure.theirs, figure.ratio], [100, null, null]);
  assert.equal(figure.verdict, "missed");
});

test("a plain figure needs a quiet machine for its verdict", () => {
  const of = (noisyRuns: number) =>
    plainFigure({ name: "f", unit: "ms", values: [3, 1, 2], noisyRuns, bar: { atMost: 2 } });
  assert.deepEqual([of(0).ours, of(0).verdict, of(2).verdict], [2, "met", "too-noisy"]);
});
