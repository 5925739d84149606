import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "./histogram.ts";
import { randomStream } from "./random.ts";

const PERCENTS = [1, 25, 50, 90, 95, 99, 99.9, 99.99, 100];

function exactPercentile(sorted: readonly number[], percent: number): number {
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length - 1e-9));
  return sorted[rank - 1] ?? Number.NaN;
}

function fill(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

test("percentiles agree with exact sorting to 3 significant digits, over 8 decades", () => {
  const random = randomStream(7);
  const values = Array.from({ length: 20_000 }, () => 10 ** (random() * 8 - 4));
  const histogram = fill(values);
  const sorted = values.toSorted((a, b) => a - b);
  for (const percent of PERCENTS) {
    const exact = exactPercentile(sorted, percent);
    const read = histogram.percentileMs(percent);
    // Recording rounds to 1 ns; a bucket is 0.1 % wide.
    assert.ok(read >= exact - 1e-6, `p${percent}: ${read} is below ${exact}`);
    assert.ok(read <= exact * 1.001 + 1e-6, `p${percent}: ${read} is above ${exact}`);
  }
});

test("small counts use the nearest rank, and the maximum is exact", () => {
  const histogram = fill([1, 2, 3, 4.0625001]);
  assert.ok(Math.abs(histogram.percentileMs(50) - 2) < 0.002);
  assert.ok(Math.abs(histogram.percentileMs(75) - 3) < 0.003);
  assert.equal(histogram.percentileMs(100), 4.0625001);
  assert.equal(histogram.maxMs, 4.0625001);
  assert.ok(Math.abs(histogram.meanMs - 10.0625001 / 4) < 1e-9);
  assert.equal(histogram.count, 4);
});

test("an empty histogram reads 0 everywhere", () => {
  const histogram = new Histogram();
  assert.deepEqual([histogram.percentileMs(99), histogram.maxMs, histogram.meanMs], [0, 0, 0]);
});

test("a negative duration counts as 0 and one past the range keeps the exact maximum", () => {
  const histogram = fill([-0.001, 1e9]);
  assert.equal(histogram.percentileMs(50), 0);
  assert.equal(histogram.maxMs, 1e9);
  assert.ok(histogram.percentileMs(100) >= 2 ** 42 / 1e6 - 1);
});

test("a sum of snapshots equals one histogram of all", () => {
  const random = randomStream(3);
  const values = Array.from({ length: 3000 }, () => random() * 50);
  const sum = new Histogram();
  sum.add(fill(values.slice(0, 1000)).snapshot());
  sum.add(fill(values.slice(1000)).snapshot());
  const whole = fill(values);
  assert.equal(sum.count, whole.count);
  for (const percent of PERCENTS) {
    assert.equal(sum.percentileMs(percent), whole.percentileMs(percent));
  }
  assert.ok(Math.abs(sum.meanMs - whole.meanMs) < 1e-9);
});
