import { twoSidedNormalTail } from "./incomplete-gamma.ts";

export interface TwoProportionTest {
  /** Positive where the first share is the greater. */
  readonly z: number;
  readonly p: number;
}

/**
 * Two-proportion z test with pooled variance, two-sided. Two samples that are both all or both
 * nothing do not differ: z 0, p 1.
 */
export function twoProportion(
  firstHits: number,
  firstRows: number,
  secondHits: number,
  secondRows: number,
): TwoProportionTest {
  const pooled = (firstHits + secondHits) / (firstRows + secondRows);
  if (pooled === 0 || pooled === 1) return { z: 0, p: 1 };
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / firstRows + 1 / secondRows));
  const z = (firstHits / firstRows - secondHits / secondRows) / error;
  return { z, p: twoSidedNormalTail(z) };
}
