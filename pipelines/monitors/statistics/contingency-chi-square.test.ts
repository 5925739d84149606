import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { contingencyChiSquare } from "./contingency-chi-square.ts";
import { assertClose, GOLDEN, REFERENCE_COUNTS, WINDOW_COUNTS } from "./testing/golden.ts";

describe("the contingency chi-square test", () => {
  it("equals scipy's chi2_contingency", () => {
    const test = contingencyChiSquare(REFERENCE_COUNTS, WINDOW_COUNTS);
    assertClose(test.statistic, GOLDEN.contingency.statistic);
    assert.equal(test.degreesOfFreedom, 3);
    assertClose(test.p, GOLDEN.contingency.p);
  });

  it("merges rare categories until at most a fifth of the cells expects fewer than 5", () => {
    const rare = new Array<number>(20).fill(1);
    const test = contingencyChiSquare([500, 300, ...rare], [500, 300, ...rare]);
    assert.ok(test.degreesOfFreedom < 10, `${test.degreesOfFreedom}`);
    assertClose(test.statistic, 0);
    const moved = contingencyChiSquare([100, 3, 2, 1], [100, 1, 2, 3]);
    assert.equal(moved.degreesOfFreedom, 1);
    assertClose(moved.statistic, 0);
  });

  it("leaves a fifth of such cells alone", () => {
    // One of five categories expects 4 rows on each side: 2 of 10 cells.
    const test = contingencyChiSquare([50, 50, 50, 50, 4], [50, 50, 50, 50, 4]);
    assert.equal(test.degreesOfFreedom, 4);
  });

  it("has nothing to say of one category or of no rows", () => {
    const nothing = { statistic: 0, degreesOfFreedom: 0, p: 1 };
    assert.deepEqual(contingencyChiSquare([10], [20]), nothing);
    assert.deepEqual(contingencyChiSquare([10, 0], [20, 0]), nothing);
    assert.deepEqual(contingencyChiSquare([10, 3], [0, 0]), nothing);
    assert.deepEqual(contingencyChiSquare([], []), nothing);
  });
});
