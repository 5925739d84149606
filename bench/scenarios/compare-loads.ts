import type { Contender } from "../contender.ts";
import type { LoadResult } from "../load-result.ts";
import { assertSameGenerator, type Paired } from "../run-pairs.ts";
import type { Bar, Figure } from "./figure.ts";
import { ratioFigure } from "./figures.ts";
import type { ScenarioContext } from "./scenario.ts";

export interface ComparedLoads {
  /** Requests per second, ours / theirs. */
  readonly throughput: Figure;
  readonly paired: Paired<LoadResult, LoadResult>;
}

/**
 * Pairs two loads.
 * @param what begins the figure's name, such as `mlp http-json`
 * @param bar of the throughput's ratio
 * @throws Error when a request failed or none was answered
 */
export async function compareLoads(
  context: ScenarioContext,
  what: string,
  sides: { readonly ours: Contender; readonly theirs: Contender },
  bar: Bar | null,
): Promise<ComparedLoads> {
  const { ours, theirs } = sides;
  const paired = await context.pairs(ours, theirs);
  assertSameGenerator(paired);
  for (const result of [...paired.ours, ...paired.theirs]) assertFaultless(result);
  const throughput = ratioFigure({
    name: `${what}: requests/s, ${ours.name} / ${theirs.name}`,
    unit: "/s",
    ours: paired.ours.map((result) => result.throughputPerSec),
    theirs: paired.theirs.map((result) => result.throughputPerSec),
    noisyPairs: paired.noisyPairs,
    bar,
  });
  return { throughput, paired };
}

/** @throws Error with the first failure: requests per second of failures mean nothing */
export function assertFaultless(result: LoadResult): void {
  const { name, errorCount, firstError, requests } = result;
  if (errorCount > 0) throw new Error(`${name}: ${errorCount} requests failed; ${firstError}`);
  if (requests === 0) throw new Error(`${name}: no request was answered in time`);
}

/** @throws Error where /proc did not tell */
export function cpuUsOf(result: LoadResult): number {
  const cpuUs = result.server?.cpuUsPerAnswer ?? null;
  if (cpuUs !== null) return cpuUs;
  throw new Error(`${result.name}: CPU time per request can be read on Linux only`);
}

/** @throws Error where /proc did not tell */
export function rssMibOf(result: LoadResult): number {
  if (result.server !== null) return result.server.rssBytes / 1024 / 1024;
  throw new Error(`${result.name}: memory can be read on Linux only`);
}
