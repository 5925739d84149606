import type { Tensor } from "../../protocols/core/tensor.ts";
import { rowsOf, stackInputs } from "./batch-former.ts";

/** Beyond it no further size is begun: a version that is slow to warm must not be slow to come. */
const MOST_WARMUP_MS = 1000;
/** From one size of batch to the next. */
const GROWTH = 4;

/**
 * What a version is warmed with: the sample twice (the first run of a graph tells little of the next),
 * then stacks of it up to `maxRows` rows, each four times the one before. So memory has grown to what
 * full batches need, and what runs cost is known by more than one size, before the first request.
 */
export function* warmupBatches(
  sample: readonly Tensor[],
  maxRows: number,
): Generator<readonly Tensor[]> {
  yield sample;
  yield sample;
  const job = { inputs: sample, outputs: [], shapeKey: "" };
  const rows = rowsOf(job);
  if (rows === null) return;
  const most = Math.floor(maxRows / rows);
  for (let copies = GROWTH; copies < GROWTH * most; copies *= GROWTH) {
    const count = Math.min(copies, most);
    if (count > 1) yield stackInputs(Array.from({ length: count }, () => job));
  }
}

/**
 * Runs the batches in turn until the next would pass MOST_WARMUP_MS. Rejects where the first fails: then
 * the version cannot serve. Where a larger one does, larger ones are not tried: requests in such a batch
 * are run again as fewer.
 * @param nowMs of any monotonic clock
 */
export async function warmUp(
  batches: Iterable<readonly Tensor[]>,
  run: (inputs: readonly Tensor[]) => Promise<unknown>,
  nowMs: () => number,
): Promise<void> {
  const startMs = nowMs();
  let lastMs = 0;
  let isFirst = true;
  for (const batch of batches) {
    const beganMs = nowMs();
    if (!isFirst && beganMs - startMs + GROWTH * lastMs > MOST_WARMUP_MS) return;
    try {
      await run(batch);
    } catch (thrown) {
      if (isFirst) throw thrown;
      return;
    }
    isFirst = false;
    lastMs = nowMs() - beganMs;
  }
}
