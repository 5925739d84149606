import { logGamma } from "./log-gamma.ts";

const MAX_TERMS = 100_000;
const PRECISION = 1e-16;
/** Stands for zero in the continued fraction. */
const TINY = 1e-300;

/**
 * Regularised upper incomplete gamma function Q(a, x), in 0 … 1; a >= 0.5, x >= 0.
 * Series below x = a + 1, continued fraction (Lentz) above: Press et al., Numerical Recipes, §6.2.
 */
export function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  if (x === Number.POSITIVE_INFINITY) return 0;
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  const share = x < a + 1 ? 1 - scale * series(a, x) : scale * fraction(a, x);
  return Math.min(1, Math.max(0, share));
}

/** P(X >= x) for the chi-square distribution. */
export function chiSquareTail(x: number, degreesOfFreedom: number): number {
  return upperGamma(degreesOfFreedom / 2, x / 2);
}

/** P(|Z| >= |z|) for the standard normal distribution. */
export function twoSidedNormalTail(z: number): number {
  return upperGamma(0.5, (z * z) / 2);
}

function series(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < MAX_TERMS && term > sum * PRECISION; n += 1) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

function fraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let value = d;
  for (let n = 1; n < MAX_TERMS; n += 1) {
    const factor = -n * (n - a);
    b += 2;
    d = 1 / nonZero(factor * d + b);
    c = nonZero(b + factor / c);
    value *= d * c;
    if (Math.abs(d * c - 1) < PRECISION * 8) break;
  }
  return value;
}

function nonZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}
