import type { LoadResult } from "../load-result.ts";
import type { Publisher } from "./hot-swap-publisher.ts";
import { epochNowMs, type Swap } from "./hot-swap-versions.ts";

/** A load beside which versions were published. */
export interface LoadBesideSwaps {
  readonly result: LoadResult;
  /** All that were under way beside it; the last may have answered after it. */
  readonly swaps: readonly Swap[];
  /** Of the load, epoch milliseconds. */
  readonly endMs: number;
}

/**
 * Publishes again and again for as long as the load lasts.
 * @param pauseMs before each publication, after the last version answers
 */
export async function measureBesideSwaps(
  publisher: Publisher,
  pauseMs: number,
  measure: () => Promise<LoadResult>,
): Promise<LoadBesideSwaps> {
  const stop = publisher.repeat(pauseMs);
  let loaded: Pick<LoadBesideSwaps, "result" | "endMs">;
  let swaps: readonly Swap[];
  try {
    loaded = { result: await measure(), endMs: epochNowMs() };
  } finally {
    swaps = await stop();
  }
  return { ...loaded, swaps };
}
