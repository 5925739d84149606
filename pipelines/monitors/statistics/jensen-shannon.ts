/**
 * Jensen-Shannon divergence in nats: 0 for equal shares, ln 2 for shares that never meet.
 * Lin (1991), Divergence measures based on the Shannon entropy.
 * @param first counts by category, not all 0
 * @param second counts of the same categories, not all 0
 */
export function jensenShannonDivergence(
  first: readonly number[],
  second: readonly number[],
): number {
  const firstSum = sumOf(first);
  const secondSum = sumOf(second);
  let divergence = 0;
  first.forEach((count, i) => {
    const p = count / firstSum;
    const q = (second[i] as number) / secondSum;
    const middle = (p + q) / 2;
    divergence += (relativeEntropy(p, middle) + relativeEntropy(q, middle)) / 2;
  });
  return Math.max(0, divergence);
}

/** Jensen-Shannon distance: the root of the divergence by `base` (2: 0 … 1). scipy's jensenshannon. */
export function jensenShannonDistance(
  first: readonly number[],
  second: readonly number[],
  base: number,
): number {
  return Math.sqrt(jensenShannonDivergence(first, second) / Math.log(base));
}

/**
 * The same distance in base 2, less what two samples of one distribution differ by: their divergence is
 * about chi-square / 8 times (1/n + 1/m) with k - 1 degrees of freedom (second order expansion; Grosse
 * et al. 2002), so that its mean is (k - 1)(1/n + 1/m) / 8 nats, for k categories seen in n and m rows.
 * Without this the distance grows with the number of categories and shrinks with the window, and no
 * one threshold fits.
 */
export function correctedJensenShannonDistance(
  first: readonly number[],
  second: readonly number[],
): number {
  const categories = first.filter((count, i) => count + (second[i] as number) > 0).length;
  const byChance = ((categories - 1) * (1 / sumOf(first) + 1 / sumOf(second))) / 8;
  return Math.sqrt(Math.max(0, jensenShannonDivergence(first, second) - byChance) / Math.LN2);
}

function relativeEntropy(p: number, q: number): number {
  return p === 0 ? 0 : p * Math.log(p / q);
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
