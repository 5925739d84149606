import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decileStability, populationStability } from "./population-stability.ts";
import {
  assertClose,
  GOLDEN,
  REFERENCE,
  REFERENCE_COUNTS,
  WINDOW,
  WINDOW_COUNTS,
} from "./testing/golden.ts";

describe("the population stability index", () => {
  it("equals the golden values", () => {
    assertClose(decileStability(REFERENCE, WINDOW), GOLDEN.psiDeciles);
    assertClose(populationStability(REFERENCE_COUNTS, WINDOW_COUNTS), GOLDEN.psiCategories);
  });

  it("stays finite with empty bins and equal values", () => {
    assertClose(populationStability([1, 0], [0, 1]), 2 * 0.9999 * Math.log(1 / 0.0001));
    const ones = new Float64Array(30).fill(1);
    assert.equal(decileStability(ones, ones), 0);
    assert.ok(decileStability(ones, new Float64Array(5).fill(0)) > 1);
  });
});
