import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MetricName } from "../project/project.ts";
import { METRICS_OF_TASK, metricOf } from "./metrics.ts";
import { pairedBootstrap, resampledMetric, seededRandom } from "./paired-bootstrap.ts";

const random = seededRandom(42);
const ROWS = 400;
const truth = Float64Array.from({ length: ROWS }, () => (random() < 0.4 ? 1 : 0));
/** Coarse, so that there are ties. */
const noisy = (noise: number) =>
  truth.map((y) => Math.round((0.25 + 0.5 * y + noise * (random() - 0.5)) * 50) / 50);
const good = noisy(0.9);
const poor = noisy(3);

describe("the paired bootstrap", () => {
  const counts = Uint32Array.from({ length: ROWS }, () => Math.floor(random() * 3));
  const drawn = (values: Float64Array) =>
    Float64Array.from([...values].flatMap((value, row) => Array(counts[row]).fill(value)));

  for (const metric of [...METRICS_OF_TASK.binary, ...METRICS_OF_TASK.regression]) {
    it(`measures ${metric} over drawn rows as metricOf does over the rows written out`, () => {
      const got = resampledMetric(metric, truth, good)(counts);
      const want = metricOf(metric, drawn(truth), drawn(good));
      assert.ok(Math.abs(got - want) < 1e-12, `${got} ${want}`);
    });
  }

  const options = (metric: MetricName, seed = 1) => ({ metric, rounds: 200, seed });

  it("finds a better candidate better, whichever way the metric goes", () => {
    for (const metric of ["auc", "logLoss", "rmse"] as const) {
      const better = pairedBootstrap(truth, good, poor, options(metric));
      assert.ok(better !== null && better.low > 0 && better.low < better.mean, metric);
      assert.ok(better.mean < better.high);
      const worse = pairedBootstrap(truth, poor, good, options(metric));
      assert.ok(worse !== null && worse.high < 0, metric);
    }
  });

  it("gives an interval of nothing for two equal models, since rows are paired", () => {
    assert.deepEqual(pairedBootstrap(truth, good, good, options("auc")), {
      mean: 0,
      low: 0,
      high: 0,
    });
  });

  it("draws the same rows for the same seed", () => {
    const once = pairedBootstrap(truth, good, poor, options("auc"));
    assert.deepEqual(pairedBootstrap(truth, good, poor, options("auc")), once);
    assert.notDeepEqual(pairedBootstrap(truth, good, poor, options("auc", 2)), once);
  });

  it("is as wide as the spread of the mean says", () => {
    // Mean of a difference: standard error sd/sqrt(n), interval of 2 x 1.96 of them.
    const difference = truth.map(
      (y, i) => Math.abs(y - (poor[i] as number)) - Math.abs(y - (good[i] as number)),
    );
    const mean = difference.reduce((a, b) => a + b, 0) / ROWS;
    const variance = difference.reduce((a, b) => a + (b - mean) ** 2, 0) / (ROWS - 1);
    const wanted = 2 * 1.96 * Math.sqrt(variance / ROWS);
    const found = pairedBootstrap(truth, good, poor, { metric: "mae", rounds: 2000, seed: 3 });
    assert.ok(found !== null);
    const ratio = (found.high - found.low) / wanted;
    assert.ok(ratio > 0.9 && ratio < 1.1, `${ratio}`);
  });

  it("gives none where the metric is not defined", () => {
    const ones = new Float64Array(ROWS).fill(1);
    assert.equal(pairedBootstrap(ones, good, poor, options("auc")), null);
  });
});
