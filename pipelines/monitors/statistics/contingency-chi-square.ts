import { chiSquareTail } from "./incomplete-gamma.ts";

export interface ChiSquareTest {
  readonly statistic: number;
  readonly degreesOfFreedom: number;
  readonly p: number;
}

/** Below this many rows expected in a cell the chi-square distribution fits badly (Cochran 1954). */
const LEAST_EXPECTED = 5;
const TINY_CELLS = 0.2;

/**
 * Pearson's chi-square test of homogeneity over two samples, without Yates' correction. The rarest
 * categories are merged until at most 20 % of the cells expect fewer than 5 rows, as Deequ does; two
 * categories are left as they are. Fewer than two: statistic 0, p 1.
 * @param first counts by category
 * @param second counts of the same categories
 */
export function contingencyChiSquare(
  first: readonly number[],
  second: readonly number[],
): ChiSquareTest {
  const firstSum = first.reduce((sum, count) => sum + count, 0);
  const secondSum = second.reduce((sum, count) => sum + count, 0);
  const cells = first
    .map((count, i): Pair => [count, second[i] as number])
    .filter(([a, b]) => a + b > 0);
  const merged = mergeRare(cells, firstSum, secondSum);
  if (merged.length < 2 || firstSum === 0 || secondSum === 0) {
    return { statistic: 0, degreesOfFreedom: 0, p: 1 };
  }
  let statistic = 0;
  for (const [a, b] of merged) {
    const share = (a + b) / (firstSum + secondSum);
    statistic += (a - share * firstSum) ** 2 / (share * firstSum);
    statistic += (b - share * secondSum) ** 2 / (share * secondSum);
  }
  const degreesOfFreedom = merged.length - 1;
  return { statistic, degreesOfFreedom, p: chiSquareTail(statistic, degreesOfFreedom) };
}

type Pair = readonly [number, number];

function mergeRare(cells: readonly Pair[], firstSum: number, secondSum: number): readonly Pair[] {
  const least = LEAST_EXPECTED * (firstSum + secondSum);
  const sorted = [...cells].sort(([a, b], [c, d]) => c + d - (a + b));
  const tiny = () =>
    sorted.reduce((count, [a, b]) => {
      const inFirst = (a + b) * firstSum < least ? 1 : 0;
      const inSecond = (a + b) * secondSum < least ? 1 : 0;
      return count + inFirst + inSecond;
    }, 0);
  while (sorted.length > 2 && tiny() > TINY_CELLS * 2 * sorted.length) {
    const [a, b] = sorted.pop() as Pair;
    const [c, d] = sorted.pop() as Pair;
    const both: Pair = [a + c, b + d];
    const at = sorted.findLastIndex(([e, f]) => e + f >= both[0] + both[1]);
    sorted.splice(at + 1, 0, both);
  }
  return sorted;
}
