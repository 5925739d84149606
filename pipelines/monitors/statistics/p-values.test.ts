import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { benjaminiHochberg } from "./benjamini-hochberg.ts";
import { chiSquareTail, twoSidedNormalTail, upperGamma } from "./incomplete-gamma.ts";
import { assertClose, GOLDEN } from "./testing/golden.ts";
import { twoProportion } from "./two-proportion.ts";

describe("p values", () => {
  it("of chi-square and the normal distribution equal scipy's", () => {
    assertClose(chiSquareTail(GOLDEN.oneSample.statistic, 3), GOLDEN.oneSample.p);
    assertClose(twoSidedNormalTail(GOLDEN.proportions.z), GOLDEN.proportions.p);
  });

  it("come from the incomplete gamma function of scipy.special.gammaincc", () => {
    const cases = [
      [0.5, 0.5, 0.31731050786291115],
      [0.5, 20, 2.5396285894708634e-10],
      [1, 1, 0.36787944117144245],
      [10, 3, 0.9988975118698845],
      [10, 30, 7.121750862815593e-6],
      [100, 100, 0.48670120172085135],
      [500, 400, 0.9999991890618921],
      [114, 200, 1.459945994368809e-11],
    ] as const;
    for (const [a, x, share] of cases) assertClose(upperGamma(a, x), share, share * 1e-12);
    assert.equal(upperGamma(3, 0), 1);
    assert.equal(upperGamma(3, Number.POSITIVE_INFINITY), 0);
    assert.equal(upperGamma(3, 1e6), 0);
  });

  it("of two proportions equal the golden ones, and are 1 where there is nothing to tell", () => {
    const test = twoProportion(60, 200, 60, 150);
    assertClose(test.z, GOLDEN.proportions.z);
    assertClose(test.p, GOLDEN.proportions.p);
    assert.deepEqual(twoProportion(0, 10, 0, 20), { z: 0, p: 1 });
    assert.deepEqual(twoProportion(10, 10, 20, 20), { z: 0, p: 1 });
  });

  it("are adjusted as scipy.stats.false_discovery_control does", () => {
    const adjusted = benjaminiHochberg([0.01, 0.04, 0.03, 0.005, 0.8, 0.2]);
    const expected = [0.03, 0.06, 0.06, 0.03, 0.8, 0.24];
    for (const [i, p] of adjusted.entries()) assertClose(p, expected[i] as number);
    assert.deepEqual(benjaminiHochberg([]), []);
    assert.deepEqual(benjaminiHochberg([0.02]), [0.02]);
  });
});
