import { DirectoryStore } from "../../pipelines/publish/directory-store.ts";
import { rollbackModel } from "../../pipelines/publish/rollback.ts";
import type { LoadResult } from "../load-result.ts";
import { readMemory } from "../machine/usage-window.ts";
import { bigBenchModel } from "../models/bench-models.ts";
import type { Paired } from "../run-pairs.ts";
import type { SluiceServer } from "../running-server.ts";
import { cpuUsOf } from "./compare-loads.ts";
import type { Figure, Series } from "./figure.ts";
import { lineSeries, plainFigure, ratioFigure } from "./figures.ts";
import { createSwapper, planSwaps, type VersionSwapper } from "./hot-swap-versions.ts";
import type { Scenario, ScenarioContext, ScenarioResult } from "./scenario.ts";
import { leastSquares, type Reading } from "./swap-drift-slope.ts";

const MODEL = bigBenchModel(1);
const RATE_PER_SEC = 500;
const MAX_SLOPE_BYTES = 2048;
/** The bar when pairs before the swaps differ less than this. */
const MIN_NOISE_RATIO = 1.05;
const MIB = 1024 * 1024;
const FULL: Counts = { flips: 10_000, publications: 1000, settling: 100, readings: 90 };
const QUICK: Counts = { flips: 60, publications: 4, settling: 1, readings: 3 };

export const SWAP_DRIFT: Scenario = {
  name: "swap-drift",
  title: "Drift over thousands of swaps",
  question:
    "Does a server that swapped versions for a long time cost more than one that never did?",
  bar: `per-request cost after ${FULL.flips} alias flips and ${FULL.publications} new 1 MB versions: no drift; RSS slope below 2 KB a swap`,
  run: runSwapDrift,
};

interface Counts {
  readonly flips: number;
  readonly publications: number;
  /** Swaps of each kind before the first reading of memory. */
  readonly settling: number;
  readonly readings: number;
}

/** Ours swaps; theirs, on the same machine at the same time, never does. */
type Costs = Paired<LoadResult, LoadResult>;

interface Phase {
  readonly kind: string;
  readonly swaps: number;
  readonly seconds: number;
  /** RSS of the server's own process, bytes, by swaps of this phase. */
  readonly readings: readonly Reading[];
}

async function runSwapDrift(context: ScenarioContext): Promise<ScenarioResult> {
  const counts = context.settings.quick ? QUICK : FULL;
  const modelFile = await context.writeModel(MODEL);
  const models = { [MODEL.name]: modelFile };
  const swapped = await context.startSluice({ models, flags: [] });
  const control = await context.startSluice({ models, flags: [] });
  const swapper = await createSwapper(planSwaps(swapped, MODEL.name, modelFile));
  try {
    // Flips need a version to go back to.
    await swapper.swap();
    const before = await compareCost(context, swapped, control);
    const flips = await flipAliases(context, swapped, swapper, counts);
    const publications = await publishVersions(context, swapped, swapper, counts);
    const after = await compareCost(context, swapped, control);
    return describe(before, after, [flips, publications]);
  } finally {
    await swapper.close();
  }
}

function compareCost(
  context: ScenarioContext,
  swapped: SluiceServer,
  control: SluiceServer,
): Promise<Costs> {
  const load = (name: string, server: SluiceServer) =>
    context.contender(
      name,
      server,
      context.planLoad(server, MODEL.name, { ratePerSec: RATE_PER_SEC }),
    );
  return context.pairs(load("sluice that swaps", swapped), load("sluice that never does", control));
}

/** As `sluice rollback` does, each flip once the one before is served. */
async function flipAliases(
  context: ScenarioContext,
  server: SluiceServer,
  swapper: VersionSwapper,
  counts: Counts,
): Promise<Phase> {
  const store = new DirectoryStore(server.repository);
  const flip = async (): Promise<void> => {
    const { version } = await rollbackModel(store, MODEL.name);
    await swapper.until(version);
  };
  return runPhase(context, "alias flip", counts.flips, counts, server, flip);
}

async function publishVersions(
  context: ScenarioContext,
  server: SluiceServer,
  swapper: VersionSwapper,
  counts: Counts,
): Promise<Phase> {
  const publish = async (): Promise<void> => {
    await swapper.swap();
  };
  return runPhase(context, "published version", counts.publications, counts, server, publish);
}

async function runPhase(
  context: ScenarioContext,
  kind: string,
  swaps: number,
  { settling, readings }: Counts,
  server: SluiceServer,
  swapOnce: () => Promise<void>,
): Promise<Phase> {
  const startMs = performance.now();
  const every = Math.max(1, Math.floor((swaps - settling) / readings));
  const read: Reading[] = [];
  for (let done = 1; done <= swaps; done += 1) {
    await swapOnce();
    if (done < settling || (done - settling) % every !== 0) continue;
    const { rssBytes } = readMemory(server.pid);
    read.push({ x: done, y: rssBytes });
    if (read.length % 10 === 1) {
      context.log(`${done}/${swaps} of ${kind}: RSS ${(rssBytes / MIB).toFixed(1)} MiB`);
    }
  }
  return { kind, swaps, seconds: (performance.now() - startMs) / 1000, readings: read };
}

function describe(before: Costs, after: Costs, phases: readonly Phase[]): ScenarioResult {
  return {
    figures: [
      ...driftFigures(before, after),
      ...phases.map(slopeFigure),
      cost("before the swaps", before),
      cost("after the swaps", after),
    ],
    series: phases.map(memorySeries),
    notes: [
      ...phases.map(
        ({ kind, swaps, seconds }) =>
          `${kind}: ${swaps} in ${seconds.toFixed(0)} s, each confirmed by an answer of the version it led to.`,
      ),
      `Cost is server CPU time per request at ${RATE_PER_SEC} requests/s, http-json, always beside a second server on the same model that never swaps; drift is the ratio of the two after the swaps over the same ratio before. Its bar is the largest deviation of the pairs before, ${MIN_NOISE_RATIO} at least.`,
      ...phases.map(describeSlope),
      "RSS is of the server's own process, without the short-lived processes that vet new versions.",
    ],
  };
}

function driftFigures(before: Costs, after: Costs): Figure[] {
  const quotientBefore = quotients(before);
  const noise = Math.max(MIN_NOISE_RATIO, ...quotientBefore, ...quotientBefore.map((q) => 1 / q));
  return [
    ratioFigure({
      name: "server CPU per request against a server that never swaps: after / before the swaps",
      unit: "x",
      ours: quotients(after),
      theirs: quotientBefore,
      noisyPairs: Math.max(before.noisyPairs, after.noisyPairs),
      bar: { atMost: noise },
    }),
  ];
}

function quotients({ ours, theirs }: Costs): number[] {
  return ours.map((result, i) => cpuUsOf(result) / cpuUsOf(theirs[i] as LoadResult));
}

function cost(when: string, { ours, theirs, noisyPairs }: Costs): Figure {
  return ratioFigure({
    name: `server CPU per request ${when}: swapped / never swapped`,
    unit: "µs",
    ours: ours.map(cpuUsOf),
    theirs: theirs.map(cpuUsOf),
    noisyPairs,
    bar: null,
  });
}

function slopeFigure({ kind, readings }: Phase): Figure {
  return plainFigure({
    name: `RSS slope, bytes for each ${kind}`,
    unit: "bytes",
    values: [leastSquares(readings).slope],
    // Memory does not depend on who else uses the cores.
    noisyRuns: 0,
    bar: { atMost: MAX_SLOPE_BYTES },
  });
}

function describeSlope({ kind, readings }: Phase): string {
  const { slope, error } = leastSquares(readings);
  return `${kind}: RSS slope ${slope.toFixed(0)} ± ${error.toFixed(0)} bytes (standard error) by least squares over ${readings.length} readings.`;
}

function memorySeries({ kind, readings }: Phase): Series {
  return lineSeries(
    { plot: `RSS by ${kind}s`, name: "sluice serve", xAxis: `${kind}s`, yAxis: "MiB" },
    readings.map(({ x, y }) => [x, y / MIB] as const),
  );
}
