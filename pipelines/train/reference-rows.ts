import { chooseSorted, createRandom } from "./gradient-boosting/random.ts";
import type { RowCounts } from "./prepare-rows.ts";

const MAX_REFERENCE_ROWS = 10_000;

/** Training and validation rows, by seed, against which drift is measured. Places, ascending. */
export function chooseReferenceRows({ train, validation }: RowCounts, seed: number): Int32Array {
  return chooseSorted(train + validation, MAX_REFERENCE_ROWS, createRandom(seed));
}
