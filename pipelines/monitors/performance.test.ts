import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseLabel } from "./parse-label.ts";
import { type Outcomes, performanceOf } from "./performance.ts";
import { bootstrapInterval } from "./statistics/bootstrap-interval.ts";

/** `right` of `rows` rows answered well, evenly spread; 0.9 or 0.1 as the answer. */
function outcomes(rows: number, right: number, labelled = rows): Outcomes {
  const truth = Float64Array.from({ length: labelled }, (_, i) => i % 2);
  const predicted = truth.map((label, i) => {
    const isRight = (i * right) % rows < right;
    return isRight === (label === 1) ? 0.9 : 0.1;
  });
  return { rows, truth, predicted };
}

const ACCURACY = { metric: "accuracy", maxDrop: 0.05, coverage: 0.8 } as const;

describe("realised performance", () => {
  it("is the metric of the labelled rows, with its interval", () => {
    const found = performanceOf(outcomes(1000, 900), ACCURACY, 0.9);
    assert.equal(found.realised, 0.9);
    assert.equal(found.coverage, 1);
    assert.equal(found.isDegraded, false);
    const { low, high } = found.interval ?? { low: 1, high: 0 };
    assert.ok(low > 0.87 && low < 0.9 && high > 0.9 && high < 0.93, `${low} … ${high}`);
  });

  it("is degraded beyond the bound and beyond chance", () => {
    assert.equal(performanceOf(outcomes(1000, 800), ACCURACY, 0.9).isDegraded, true);
    assert.equal(performanceOf(outcomes(1000, 860), ACCURACY, 0.9).isDegraded, false);
    // As far below, but in 20 rows that is an accident.
    const few = performanceOf(outcomes(20, 16), ACCURACY, 0.9);
    assert.deepEqual([few.realised, few.isDegraded], [0.8, false]);
    assert.equal(performanceOf(outcomes(1000, 990), ACCURACY, 0.9).isDegraded, false);
  });

  it("knows metrics that are better lower", () => {
    const truth = Float64Array.from({ length: 500 }, (_, i) => i % 10);
    const off = (by: number): Outcomes => ({
      rows: 500,
      truth,
      predicted: truth.map((value, i) => value + (i % 2 === 0 ? by : -by)),
    });
    const bounds = { metric: "rmse", maxDrop: 0.5, coverage: 0.8 } as const;
    assert.equal(performanceOf(off(2), bounds, 1).isDegraded, true);
    assert.equal(performanceOf(off(1.2), bounds, 1).isDegraded, false);
    assert.equal(performanceOf(off(0.1), bounds, 1).isDegraded, false);
  });

  it("is not known with too few labels, without rows or with one class", () => {
    const few = performanceOf(outcomes(1000, 500, 799), ACCURACY, 0.9);
    assert.deepEqual([few.realised, few.coverage, few.isDegraded], [null, 0.799, false]);
    const none = performanceOf(outcomes(0, 0), ACCURACY, 0.9);
    assert.deepEqual([none.realised, none.coverage], [null, 0]);
    const ones = { rows: 3, truth: Float64Array.of(1, 1, 1), predicted: Float64Array.of(1, 0, 1) };
    assert.equal(performanceOf(ones, { ...ACCURACY, metric: "auc" }, 0.9).realised, null);
  });

  it("is shown and never degraded where nothing was evaluated", () => {
    const found = performanceOf(outcomes(1000, 100), ACCURACY, null);
    assert.deepEqual([found.realised, found.evaluated, found.isDegraded], [0.1, null, false]);
  });
});

describe("a label", () => {
  it("is 0 or 1 for a binary task", () => {
    const read = (text: string | null) => parseLabel(text, "binary");
    assert.deepEqual(["1", "true", "True", " 1.0 "].map(read), [1, 1, 1, 1]);
    assert.deepEqual(
      ["0", "false", "FALSE", "-0"].map((text) => Number(read(text))),
      [0, 0, 0, -0],
    );
    assert.deepEqual(["2", "0.5", "yes", "", "NaN", null].map(read), Array(6).fill(null));
  });

  it("is a finite number for a regression", () => {
    const read = (text: string | null) => parseLabel(text, "regression");
    assert.deepEqual(["12.5", "-3e2", "0"].map(read), [12.5, -300, 0]);
    assert.deepEqual(["true", "", "Infinity", "NaN", "1,5", null].map(read), Array(6).fill(null));
  });
});

describe("the bootstrap interval", () => {
  it("is the same every time and holds the mean", () => {
    const values = Float64Array.from({ length: 400 }, (_, i) => i % 20);
    const mean = (drawn: Uint32Array) =>
      drawn.reduce((sum, row) => sum + (values[row] as number), 0) / drawn.length;
    const interval = bootstrapInterval(400, mean);
    assert.deepEqual(bootstrapInterval(400, mean), interval);
    // 9.5 and two standard errors of 5.77 / 20.
    assert.ok(interval !== null && interval.low > 8.7 && interval.low < 9.2, `${interval?.low}`);
    assert.ok(interval.high > 9.8 && interval.high < 10.3, `${interval.high}`);
  });

  it("is null where the statistic never is a number", () => {
    assert.equal(
      bootstrapInterval(5, () => Number.NaN),
      null,
    );
  });
});
