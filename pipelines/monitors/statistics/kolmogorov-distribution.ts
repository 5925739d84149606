import { logGamma } from "./log-gamma.ts";

/** Beyond this n * d^2 the two one-sided tails do not overlap noticeably. */
const TAIL = 2.2;
/** Up to this n the matrix power is small. */
const SMALL = 140;
const TERMS = 20;

/**
 * P(D >= d) for Kolmogorov's one-sample statistic D of n values: the chance that an empirical
 * distribution function lies d or more from its own. Exact for small n (Marsaglia, Tsang and Wang 2003)
 * and twice the one-sided tail further out (Smirnov; Miller 1956); the asymptotic series of Pelz and Good
 * (1976) else, as chosen by Simard and L'Ecuyer (2011).
 */
export function kolmogorovTail(n: number, d: number): number {
  if (d <= 0) return 1;
  if (d >= 1) return 0;
  const spread = n * d * d;
  let tail: number;
  if (spread >= (n <= SMALL ? 4 : TAIL) || d >= 0.5) tail = 2 * oneSidedTail(n, d);
  else if (n <= SMALL) tail = 1 - matrixPower(n, d);
  else tail = 1 - pelzGood(n, d);
  return Math.min(1, Math.max(0, tail));
}

/** P(D+ >= d): Birnbaum and Tingey (1951), summed by logarithms. */
function oneSidedTail(n: number, d: number): number {
  let sum = 0;
  const last = Math.floor(n * (1 - d));
  for (let j = 0; j <= last; j += 1) {
    const rest = 1 - d - j / n;
    if (rest <= 0) continue;
    const ways = logGamma(n + 1) - logGamma(j + 1) - logGamma(n - j + 1);
    sum += Math.exp(ways + (j - 1) * Math.log(d + j / n) + (n - j) * Math.log(rest));
  }
  return d * sum;
}

/** P(D < d) by Durbin's matrix. REQUIRES: n <= SMALL, where nothing can overflow. */
function matrixPower(n: number, d: number): number {
  const k = Math.floor(n * d) + 1;
  const size = 2 * k - 1;
  let result = identity(size);
  let base = durbinMatrix(size, k - n * d);
  for (let power = n; power > 0; power = Math.floor(power / 2)) {
    if (power % 2 === 1) result = multiply(result, base, size);
    if (power > 1) base = multiply(base, base, size);
  }
  let value = result[(k - 1) * size + k - 1] as number;
  for (let i = 1; i <= n; i += 1) value = (value * i) / n;
  return value;
}

/** Ones up to the first superdiagonal, corrected at the left and below, each by a factorial. */
function durbinMatrix(size: number, h: number): Float64Array {
  const values = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= Math.min(i + 1, size - 1); j += 1) values[i * size + j] = 1;
  }
  const add = (i: number, j: number, by: number) => {
    values[i * size + j] = (values[i * size + j] as number) + by;
  };
  for (let i = 0; i < size; i += 1) {
    add(i, 0, -(h ** (i + 1)));
    add(size - 1, i, -(h ** (size - i)));
  }
  if (2 * h > 1) add(size - 1, 0, (2 * h - 1) ** size);
  for (let i = 0; i < size; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      values[i * size + j] = (values[i * size + j] as number) / factorial(i - j + 1);
    }
  }
  return values;
}

function factorial(n: number): number {
  let product = 1;
  for (let i = 2; i <= n; i += 1) product *= i;
  return product;
}

function identity(size: number): Float64Array {
  const values = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) values[i * size + i] = 1;
  return values;
}

function multiply(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const values = new Float64Array(size * size);
  for (let i = 0; i < size; i += 1) {
    for (let l = 0; l < size; l += 1) {
      const left = a[i * size + l] as number;
      for (let j = 0; j < size; j += 1) {
        values[i * size + j] =
          (values[i * size + j] as number) + left * (b[l * size + j] as number);
      }
    }
  }
  return values;
}

/**
 * P(D < d) by the first four terms of the expansion in 1 / sqrt(n). The last sum has the factor 216,
 * as scipy's _kolmogn_PelzGood.
 */
function pelzGood(n: number, d: number): number {
  const z = Math.sqrt(n) * d;
  const z2 = z * z;
  const halves = sumOverTerms(z2, 0.5, (u) => [
    1,
    u - z2,
    6 * z2 ** 3 + 2 * z2 ** 2 + u * (2 * z2 ** 2 - 5 * z2) + u * u * (1 - 2 * z2),
    u ** 3 * (5 - 30 * z2) +
      u * u * (-60 * z2 + 212 * z2 ** 2) +
      u * (135 * z2 ** 2 - 96 * z2 ** 3) -
      (30 * z2 ** 3 + 90 * z2 ** 4),
  ]);
  const wholes = sumOverTerms(z2, 0, (v) => [v, 3 * v * z2 - v * v, 0, 0]);
  const root = Math.sqrt(Math.PI / 2);
  return (
    (root / z) * halves[0] +
    ((root / (6 * z ** 4)) * halves[1]) / Math.sqrt(n) +
    ((root / (72 * z ** 7)) * halves[2] - (root / (36 * z ** 3)) * wholes[0]) / n +
    ((root / (6480 * z ** 10)) * halves[3] + (root / (216 * z ** 6)) * wholes[1]) / n ** 1.5
  );
}

type Four = [number, number, number, number];

/** Twice the sums of terms(u) exp(-u / 2 z^2) over u = (pi (k + offset))^2, smallest first. */
function sumOverTerms(z2: number, offset: number, terms: (u: number) => Four): Four {
  const sums: Four = [0, 0, 0, 0];
  for (let k = TERMS; k >= 0; k -= 1) {
    const u = (Math.PI * (k + offset)) ** 2;
    const weight = 2 * Math.exp(-u / (2 * z2));
    for (const [i, term] of terms(u).entries()) sums[i] = (sums[i] as number) + weight * term;
  }
  return sums;
}
