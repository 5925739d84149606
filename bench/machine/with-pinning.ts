import {
  allowedCores,
  dividePinning,
  NOT_PINNED,
  type Pinning,
  pinThisProcess,
} from "./pinning.ts";

export interface PinningOutcome {
  readonly pinning: Pinning;
  /** Why nothing is pinned; null when something is. */
  readonly reason: string | null;
}

/**
 * Keeps this process, which makes the load, on cores of its own while `use` runs; servers must be
 * started on `pinning.server`. Where that cannot be had, `use` runs all the same and is told.
 */
export async function withPinning<T>(
  isWanted: boolean,
  generatorThreads: number,
  use: (outcome: PinningOutcome) => Promise<T>,
): Promise<T> {
  const { undo, ...outcome } = tryPinning(isWanted, generatorThreads);
  try {
    return await use(outcome);
  } finally {
    undo();
  }
}

function tryPinning(
  isWanted: boolean,
  generatorThreads: number,
): PinningOutcome & { readonly undo: () => void } {
  const refuse = (reason: string) => ({ pinning: NOT_PINNED, reason, undo: () => undefined });
  if (!isWanted) return refuse("--no-pin");
  const pinning = dividePinning(allowedCores(), generatorThreads);
  if (pinning.generator === null) return refuse("it takes two cores that this process may use");
  try {
    return { pinning, reason: null, undo: pinThisProcess(pinning.generator) };
  } catch (thrown) {
    const why = thrown instanceof Error ? (thrown.message.split("\n")[0] ?? "") : String(thrown);
    return refuse(why);
  }
}
