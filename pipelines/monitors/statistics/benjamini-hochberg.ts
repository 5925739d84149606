/**
 * p values adjusted so that rejecting below q keeps the share of false rejections below q.
 * Benjamini and Hochberg (1995); R's p.adjust(method = "BH").
 * @returns in the order of `pValues`
 */
export function benjaminiHochberg(pValues: readonly number[]): readonly number[] {
  const order = pValues.map((_, i) => i).sort((a, b) => at(pValues, b) - at(pValues, a));
  const adjusted = new Array<number>(pValues.length).fill(1);
  let least = 1;
  order.forEach((index, k) => {
    const rank = pValues.length - k;
    least = Math.min(least, (at(pValues, index) * pValues.length) / rank);
    adjusted[index] = least;
  });
  return adjusted;
}

function at(values: readonly number[], index: number): number {
  return values[index] as number;
}
