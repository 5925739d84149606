import { kolmogorovTail } from "./kolmogorov-distribution.ts";

export interface KolmogorovSmirnovTest {
  /** Greatest difference of the two distribution functions, 0 … 1. */
  readonly statistic: number;
  /** Two-sided. Ties make it too large, never too small. */
  readonly p: number;
}

/** Up to here the paths are counted, as scipy's `auto` does. */
const EXACT_ROWS = 10_000;

/**
 * Two-sample Kolmogorov-Smirnov test: scipy.stats.ks_2samp, exact while both samples have at most
 * 10,000 values, asymptotic beyond.
 * @param first ascending, finite, at least one
 * @param second likewise
 */
export function kolmogorovSmirnov(
  first: Float64Array,
  second: Float64Array,
): KolmogorovSmirnovTest {
  const statistic = greatestDifference(first, second);
  const isExact = Math.max(first.length, second.length) <= EXACT_ROWS;
  const p = (isExact ? exactTail : asymptoticTail)(first.length, second.length, statistic);
  return { statistic, p };
}

function greatestDifference(first: Float64Array, second: Float64Array): number {
  let greatest = 0;
  let i = 0;
  let j = 0;
  while (i < first.length && j < second.length) {
    const at = Math.min(first[i] as number, second[j] as number);
    while (i < first.length && first[i] === at) i += 1;
    while (j < second.length && second[j] === at) j += 1;
    greatest = Math.max(greatest, Math.abs(i / first.length - j / second.length));
  }
  return greatest;
}

/**
 * P(D >= d) by counting lattice paths from (0, 0) to (n, m) that leave the band around the diagonal:
 * Hodges (1958), as a recursion over probabilities so that nothing overflows (Viehmann 2021; scipy's
 * _compute_outer_prob_inside_method). Time is n times the width of the band.
 */
export function exactTail(rowsA: number, rowsB: number, d: number): number {
  const m = Math.max(rowsA, rowsB);
  const n = Math.min(rowsA, rowsB);
  const divisor = greatestCommonDivisor(m, n);
  const mg = m / divisor;
  const ng = n / divisor;
  const h = Math.round(d * mg * n);
  if (h === 0) return 1;
  let from = 0;
  let to = Math.min(Math.ceil(h / mg), n + 1);
  let width = to;
  const outside = new Float64Array(Math.min(2 * to + 2, n + 1)).fill(1);
  outside.fill(0, from, to);
  for (let i = 1; i <= m; i += 1) {
    const lastFrom = from;
    const lastWidth = width;
    from = Math.min(Math.max(Math.floor((ng * i - h) / mg) + 1, 0), n);
    to = Math.min(Math.ceil((ng * i + h) / mg), n + 1);
    if (to <= from) return 1;
    width = to - from;
    let value = from === 0 ? 0 : 1;
    for (let k = 0; k < width; k += 1) {
      const j = k + from;
      value = ((outside[j - lastFrom] as number) * i + value * j) / (i + j);
      outside[k] = value;
    }
    if (lastWidth > width) outside.fill(1, width, lastWidth);
  }
  return Math.min(1, Math.max(0, outside[width - 1] as number));
}

/** P(D >= d) as if one sample of n m / (n + m) values stood against a known distribution. */
export function asymptoticTail(rowsA: number, rowsB: number, d: number): number {
  return kolmogorovTail(Math.round((rowsA * rowsB) / (rowsA + rowsB)), d);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
