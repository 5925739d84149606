import assert from "node:assert/strict";

/** scipy 1.17.1 and numpy 2.4.6 on samples without chance in them: `REFERENCE` and `WINDOW`, ascending. */
export const REFERENCE = Float64Array.from(
  { length: 200 },
  (_, i) => Math.sin(0.7 * i) * 2 + (i % 7) * 0.3,
).sort();
export const WINDOW = Float64Array.from(
  { length: 150 },
  (_, i) => Math.sin(0.9 * i) * 2.4 + (i % 5) * 0.5 + 0.25,
).sort();
/** Counts of four categories. */
export const REFERENCE_COUNTS = [50, 30, 15, 5];
export const WINDOW_COUNTS = [40, 25, 25, 10];

export const GOLDEN = {
  ks: { d: 0.158_333_333_333_333_33, p: 0.024_639_248_613_193_974 },
  ksAsymptotic: 0.023_799_427_106_390_318,
  wasserstein: 0.416_583_969_609_079_9,
  wassersteinNormed: 0.272_466_201_888_633_63,
  psiDeciles: 0.198_917_205_923_914_38,
  psiCategories: 0.117_170_354_375_715_05,
  jensenShannonNatural: 0.120_356_637_774_413_1,
  jensenShannonBase2: 0.144_563_054_677_041_28,
  jensenShannonDivergenceBits: 0.020_898_476_777_557_226,
  contingency: { statistic: 5.732_323_232_323_233, p: 0.125_384_892_264_023_72 },
  oneSample: { statistic: 14.5, p: 0.002_297_849_642_018_795 },
  proportions: { z: -1.950_473_744_013_735_4, p: 0.051_119_679_848_189_44 },
} as const;

/** Equal but for the rounding of sums in another order. */
export function assertClose(actual: number, expected: number, tolerance = 1e-12): void {
  assert.ok(
    Math.abs(actual - expected) <= tolerance,
    `expected ${expected} within ${tolerance}, found ${actual}`,
  );
}

/** sin(k i) * scale + shift, ascending. */
export function sines(rows: number, k: number, scale: number, shift: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => Math.sin(k * i) * scale + shift).sort();
}
