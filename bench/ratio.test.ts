import assert from "node:assert/strict";
import { test } from "node:test";
import { explainNoResult, summariseRatios } from "./ratio.ts";

test("the ratio is taken pair by pair, and its median is not the ratio of medians", () => {
  const summary = summariseRatios([100, 40, 300], [50, 40, 100], 0);
  assert.deepEqual(summary.pairs, [2, 1, 3]);
  assert.deepEqual([summary.median, summary.min, summary.max, summary.spread], [2, 1, 3, 3]);
});

test("an even number of pairs takes the mean of the middle two", () => {
  assert.equal(summariseRatios([2, 4, 3, 3.5], [1, 1, 1, 1], 0).median, 3.25);
});

test("a spread of more than 2 is no result; exactly 2 still is", () => {
  assert.equal(summariseRatios([2, 4], [1, 1], 0).isResult, true);
  assert.equal(summariseRatios([2, 4.01], [1, 1], 0).isResult, false);
});

test("a median stands while two thirds of its pairs were quiet", () => {
  assert.equal(summariseRatios([2, 2, 2], [1, 1, 1], 1).isResult, true);
  const busy = summariseRatios([2, 2, 2], [1, 1, 1], 2);
  assert.equal(busy.isResult, false);
  assert.equal(explainNoResult(busy), "machine busy in 2 of 3 pairs");
});

test("nothing, unequal lengths and zero are refused", () => {
  assert.throws(() => summariseRatios([], [], 0), /expected pairs/);
  assert.throws(() => summariseRatios([1], [1, 2], 0), /got 1 and 2/);
  assert.throws(() => summariseRatios([1, 1], [1, 0], 0), /pair 2: 1 to 0 is no ratio/);
  assert.throws(() => summariseRatios([0], [1], 0), /no ratio/);
});
