import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MetricName } from "../project/project.ts";
import { defaultMetric, isBetterHigher, METRICS_OF_TASK, metricOf } from "./metrics.ts";

const of = (name: MetricName, truth: number[], predicted: number[]) =>
  metricOf(name, Float64Array.from(truth), Float64Array.from(predicted));

function assertClose(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) < 1e-12, `expected ${expected}, found ${found}`);
}

describe("metrics", () => {
  /** From scikit-learn 1.9.1. */
  it("gives scikit-learn's values, ties included", () => {
    const truth = [0, 1, 1, 0, 1, 0, 0, 1, 0, 0];
    const predicted = [0.1, 0.4, 0.35, 0.8, 0.9, 0.5, 0.2, 0.5, 0.35, 0.4];
    assertClose(of("auc", truth, predicted), 0.6875);
    assertClose(of("logLoss", truth, predicted), 0.6337318252415131);
    assertClose(of("accuracy", truth, predicted), 0.6);
    assertClose(of("f1", truth, predicted), 0.5);
    const values = [3, -0.5, 2, 7, 4.25];
    const found = [2.5, 0, 2, 8, 4];
    assertClose(of("rmse", values, found), 0.5590169943749475);
    assertClose(of("mae", values, found), 0.45);
    assertClose(of("r2", values, found), 0.9491042345276873);
  });

  it("ranks: all right, all wrong, all equal", () => {
    assert.equal(of("auc", [0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]), 1);
    assert.equal(of("auc", [0, 0, 1, 1], [0.4, 0.3, 0.2, 0.1]), 0);
    assert.equal(of("auc", [0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3]), 0.5);
  });

  it("agrees with counting every pair", () => {
    const truth = Array.from({ length: 300 }, (_, i) => Number((i * 7919) % 11 < 3));
    const predicted = truth.map((y, i) => (((i * 104729) % 23) + 3 * y) / 30);
    let wins = 0;
    let pairs = 0;
    truth.forEach((a, i) => {
      truth.forEach((b, j) => {
        if (a !== 1 || b !== 0) return;
        pairs += 1;
        const [p, q] = [predicted[i] as number, predicted[j] as number];
        wins += p > q ? 1 : p === q ? 0.5 : 0;
      });
    });
    assertClose(of("auc", truth, predicted), wins / pairs);
  });

  it("stays finite for a certain and wrong probability", () => {
    assertClose(of("logLoss", [1], [0]), -Math.log(1e-15));
    assert.ok(Number.isFinite(of("logLoss", [0], [1])));
  });

  it("is 0, not undefined, for an f1 without hits", () => {
    assert.equal(of("f1", [0, 1], [0.1, 0.2]), 0);
  });

  it("is NaN where it is not defined", () => {
    for (const name of [...METRICS_OF_TASK.binary, ...METRICS_OF_TASK.regression]) {
      assert.ok(Number.isNaN(of(name, [], [])), name);
    }
    assert.ok(Number.isNaN(of("auc", [1, 1], [0.2, 0.3])));
    assert.ok(Number.isNaN(of("auc", [0, 1], [Number.NaN, 0.3])));
    assert.ok(Number.isNaN(of("r2", [2, 2], [1, 2])));
  });

  it("refuses lists of two lengths", () => {
    assert.throws(() => of("rmse", [1, 2], [1]), /a prediction for each of 2 rows, found 1/);
  });

  it("knows which way is better, and what decides", () => {
    const higher = (["auc", "logLoss", "accuracy", "f1", "rmse", "mae", "r2"] as const).filter(
      isBetterHigher,
    );
    assert.deepEqual(higher, ["auc", "accuracy", "f1", "r2"]);
    assert.deepEqual([defaultMetric("binary"), defaultMetric("regression")], ["auc", "rmse"]);
  });
});
