import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { kolmogorovTail } from "./kolmogorov-distribution.ts";
import { asymptoticTail, kolmogorovSmirnov } from "./kolmogorov-smirnov.ts";
import { assertClose, GOLDEN, REFERENCE, sines, WINDOW } from "./testing/golden.ts";

describe("the Kolmogorov-Smirnov test", () => {
  it("equals scipy's exact and asymptotic answers", () => {
    const { statistic, p } = kolmogorovSmirnov(REFERENCE, WINDOW);
    assertClose(statistic, GOLDEN.ks.d);
    assertClose(p, GOLDEN.ks.p);
    assertClose(asymptoticTail(200, 150, GOLDEN.ks.d), GOLDEN.ksAsymptotic);
  });

  it("equals scipy on other sizes, the exact path up to 10,000 rows and the other beyond", () => {
    // Rows, rows, scale, shift; D and p of scipy.stats.ks_2samp.
    const cases = [
      [1000, 300, 2, 0.1, 0.099, 0.02028371860084719],
      [500, 500, 2.1, 0.05, 0.11, 0.004686682589297701],
      [10_000, 1000, 2.02, 0.05, 0.077, 3.949917187243643e-5],
      [9973, 200, 2, 0.2, 0.145, 0.0004622876516714166],
      [20_000, 1000, 2.1, 0.05, 0.118, 5.2459613398192924e-12],
    ] as const;
    for (const [n, m, scale, shift, d, expected] of cases) {
      const test = kolmogorovSmirnov(sines(n, 0.7, 2, 0), sines(m, 0.9, scale, shift));
      assertClose(test.statistic, d);
      assertClose(test.p, expected, expected * 1e-12);
    }
  });

  it("does not care which sample comes first, nor how often a value comes", () => {
    assert.deepEqual(kolmogorovSmirnov(WINDOW, REFERENCE), kolmogorovSmirnov(REFERENCE, WINDOW));
    const ones = new Float64Array(50).fill(1);
    assert.deepEqual(kolmogorovSmirnov(ones, new Float64Array(70).fill(1)), { statistic: 0, p: 1 });
    const apart = kolmogorovSmirnov(ones, new Float64Array(70).fill(2));
    assert.equal(apart.statistic, 1);
    assert.ok(apart.p < 1e-30);
  });

  it("takes a single value on either side", () => {
    assert.deepEqual(kolmogorovSmirnov(Float64Array.of(1), Float64Array.of(2)), {
      statistic: 1,
      p: 1,
    });
  });

  it("knows the one-sample distribution as scipy.stats.kstwo", () => {
    const cases = [
      [5, 0.3, 0.664],
      [5, 0.6, 0.03008],
      [20, 0.1, 0.976255094592155],
      [140, 0.05, 0.8576480297656114],
      [140, 0.14, 0.007416600736368014],
      [200, 0.06, 0.45015844138021865],
      [909, 0.03, 0.37910731490526817],
      [909, 0.06, 0.002752251043351542],
      [10_000, 0.012, 0.11135257403749388],
      [30_000, 0.01, 0.004924125582072432],
    ] as const;
    for (const [n, d, tail] of cases) assertClose(kolmogorovTail(n, d), tail);
    assert.equal(kolmogorovTail(10, 0), 1);
    assert.equal(kolmogorovTail(10, 1), 0);
  });
});
