import type { Contender } from "./contender.ts";
import type { LoadResult } from "./load-result.ts";
import type { MachineGuard } from "./machine/machine-guard.ts";
import type { NoiseReading } from "./machine/noise.ts";

/** Pair i is `ours[i]` and `theirs[i]`, in the order they ran. */
export interface Paired<O, T> {
  readonly ours: readonly O[];
  readonly theirs: readonly T[];
  /** Pairs during which the machine was too noisy. */
  readonly noisyPairs: number;
}

export interface Repeated<T> {
  readonly results: readonly T[];
  /** Measurements during which the machine was too noisy. */
  readonly noisyRuns: number;
}

/** One finished pair; `pair` counts from 1. */
export interface PairReport<O, T> {
  readonly pair: number;
  readonly pairs: number;
  readonly ours: O;
  readonly theirs: T;
  readonly noise: NoiseReading;
}

export type PairListener<O, T> = (report: PairReport<O, T>) => void;

/**
 * Measures both, `pairs` times, changing who goes first: a machine that slowly gets faster or slower
 * then favours neither.
 * @param guard waits for a quiet machine before each pair and says whether it stayed so
 */
export async function runPairs<O, T>(
  ours: Contender<O>,
  theirs: Contender<T>,
  pairs: number,
  guard: MachineGuard,
  onPair: PairListener<O, T>,
): Promise<Paired<O, T>> {
  const oursAll: O[] = [];
  const theirsAll: T[] = [];
  let noisyPairs = 0;
  for (let pair = 1; pair <= pairs; pair += 1) {
    const watch = await guard.settle();
    const oursFirst = pair % 2 === 1;
    if (oursFirst) oursAll.push(await ours.measure());
    theirsAll.push(await theirs.measure());
    if (!oursFirst) oursAll.push(await ours.measure());
    const noise = watch.end();
    if (noise.isNoisy) noisyPairs += 1;
    onPair({ pair, pairs, ours: oursAll.at(-1) as O, theirs: theirsAll.at(-1) as T, noise });
  }
  return { ours: oursAll, theirs: theirsAll, noisyPairs };
}

/** @throws Error where the two sides of a pair were driven by different generators */
export function assertSameGenerator({ ours, theirs }: Paired<LoadResult, LoadResult>): void {
  ours.forEach((mine, i) => {
    const other = theirs[i];
    if (other === undefined || mine.generator === null || other.generator === null) return;
    if (mine.generator === other.generator) return;
    throw new Error(
      `${mine.name} was driven by the ${mine.generator} generator and ${other.name} by the ${other.generator} one: they cannot be compared`,
    );
  });
}

/** One side alone, measured `runs` times. */
export async function runRepeats<T>(
  contender: Contender<T>,
  runs: number,
  guard: MachineGuard,
): Promise<Repeated<T>> {
  const results: T[] = [];
  let noisyRuns = 0;
  for (let run = 0; run < runs; run += 1) {
    const watch = await guard.settle();
    results.push(await contender.measure());
    if (watch.end().isNoisy) noisyRuns += 1;
  }
  return { results, noisyRuns };
}
