import { createRandom } from "../../train/gradient-boosting/random.ts";

export interface Interval {
  readonly low: number;
  readonly high: number;
}

const ROUNDS = 200;
const TAIL = 0.025;
const SEED = 1;

/**
 * 95 % percentile interval of a statistic of rows, by drawing the rows anew with replacement (Efron 1979),
 * the same every time. Rounds in which the statistic is not defined are left out.
 * @param statistic of rows by their index; NaN where it is not defined
 * @returns null where no round gave a number
 */
export function bootstrapInterval(
  rows: number,
  statistic: (drawn: Uint32Array) => number,
): Interval | null {
  const next = createRandom(SEED);
  const drawn = new Uint32Array(rows);
  const values: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (let i = 0; i < rows; i += 1) drawn[i] = Math.floor(next() * rows);
    const value = statistic(drawn);
    if (Number.isFinite(value)) values.push(value);
  }
  if (values.length === 0) return null;
  values.sort((a, b) => a - b);
  const at = (share: number) => values[Math.round(share * (values.length - 1))] as number;
  return { low: at(TAIL), high: at(1 - TAIL) };
}
