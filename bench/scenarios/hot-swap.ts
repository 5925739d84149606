import type { Contender } from "../contender.ts";
import { PROTOCOLS, type Protocol } from "../load-plan.ts";
import type { LoadResult } from "../load-result.ts";
import { MLP } from "../models/bench-models.ts";
import type { SluiceServer } from "../running-server.ts";
import type { Figure, Series } from "./figure.ts";
import { lineSeries, plainFigure, ratioFigure } from "./figures.ts";
import { Publisher } from "./hot-swap-publisher.ts";
import { compareSlices, type SliceFigures, type SwapSpan, spansOf } from "./hot-swap-slices.ts";
import { planSwaps, type Swap } from "./hot-swap-versions.ts";
import { measureBesideSwaps } from "./load-beside-swaps.ts";
import type { Scenario, ScenarioContext, ScenarioResult } from "./scenario.ts";

const RATE_PER_SEC = 500;
const SLICE_MS = 200;
/** Between two swaps, so that steady slices lie beside those of the swaps. */
const PAUSE_MS = 1000;
const WINDOWS = 3;
const QUICK = { durationMs: 2500, pauseMs: 600 };
const MS_PER_S = 1000;

export const HOT_SWAP: Scenario = {
  name: "hot-swap",
  title: "Hot swap under load",
  question: "Does a client notice that versions are replaced one after another while it asks?",
  bar: "no failed request",
  run: runHotSwap,
};

/** One load during which versions were replaced. */
interface SwapRun {
  readonly result: LoadResult;
  /** Those that answered by the end of the load or soon after. */
  readonly swaps: readonly Swap[];
  readonly spans: readonly SwapSpan[];
  /** null when no swap fell into the load, or no slice without one. */
  readonly slices: SliceFigures | null;
}

interface ProtocolRuns {
  readonly protocol: Protocol;
  readonly runs: readonly SwapRun[];
  readonly noisyRuns: number;
}

async function runHotSwap(context: ScenarioContext): Promise<ScenarioResult> {
  const modelFile = await context.writeModel(MLP);
  const server = await context.startSluice({ models: { [MLP.name]: modelFile }, flags: [] });
  const publisher = new Publisher(planSwaps(server, MLP.name, modelFile));
  try {
    const all: ProtocolRuns[] = [];
    for (const protocol of PROTOCOLS) {
      const load = swappingLoad(context, server, publisher, protocol);
      const { results, noisyRuns } = await context.repeat(load);
      all.push({ protocol, runs: results, noisyRuns });
      context.log(`hot-swap ${protocol}: ${countSwaps(results)} swaps in ${results.length} loads`);
    }
    return describe(all);
  } finally {
    await publisher.close();
  }
}

function swappingLoad(
  context: ScenarioContext,
  server: SluiceServer,
  publisher: Publisher,
  protocol: Protocol,
): Contender<SwapRun> {
  const { durationMs, pauseMs } = context.settings.quick
    ? QUICK
    : { durationMs: WINDOWS * context.settings.durationMs, pauseMs: PAUSE_MS };
  const plan = context.planLoad(server, MLP.name, {
    protocol,
    ratePerSec: RATE_PER_SEC,
    durationMs,
    sliceMs: SLICE_MS,
  });
  const name = `sluice ${protocol}, versions swapped`;
  return {
    name,
    async measure() {
      const load = () => context.measure(name, server, plan);
      const { result, swaps, endMs } = await measureBesideSwaps(publisher, pauseMs, load);
      const spans = spansOf(swaps, endMs, durationMs);
      const slices = compareSlices(result.timeline ?? [], SLICE_MS, spans);
      return { result, swaps, spans, slices };
    },
  };
}

function describe(all: readonly ProtocolRuns[]): ScenarioResult {
  return {
    figures: [...all.map(failures), ...all.flatMap(latencies)],
    series: all.flatMap(timelines),
    notes: [
      `Constant rate of ${RATE_PER_SEC} requests/s on the tiny MLP; a version is published a moment after the last one answered, from a process of lowest priority on the generator's cores.`,
      `p99 is of slices of ${SLICE_MS} ms: the worst slice from a publication to 400 ms after the version's first answer, against the worst of as many slices that no swap touched; medians.`,
      ...all.map(({ protocol, runs }) => `${protocol}: ${countSwaps(runs)} swaps.`),
      ...all.flatMap(({ protocol, runs }) => firstErrors(protocol, runs)),
    ],
  };
}

function failures({ protocol, runs }: ProtocolRuns): Figure {
  return plainFigure({
    name: `${protocol}: failed requests of a load with swaps, worst of ${runs.length}`,
    unit: "requests",
    // A failure is one whatever else the machine did, and the median would hide it.
    values: [Math.max(...runs.map(({ result }) => result.errorCount + result.unsent))],
    // Without a swap it says nothing.
    noisyRuns: countSwaps(runs) === 0 ? 1 : 0,
    bar: { atMost: 0 },
  });
}

function latencies({ protocol, runs, noisyRuns }: ProtocolRuns): Figure[] {
  const slices = runs.flatMap((run) => run.slices ?? []);
  const firstAnswers = runs.flatMap(({ swaps }) =>
    swaps.map((swap) => swap.firstAnswerMs - swap.publishStartMs),
  );
  if (slices.length === 0 || firstAnswers.length === 0) return [];
  return [
    ratioFigure({
      name: `${protocol}: p99 around a swap, against steady`,
      unit: "ms",
      ours: slices.map((each) => each.swapP99Ms),
      theirs: slices.map((each) => each.steadyP99Ms),
      noisyPairs: noisyRuns,
      bar: null,
    }),
    plainFigure({
      name: `${protocol}: from the start of a publication to the version's first answer`,
      unit: "ms",
      values: firstAnswers,
      noisyRuns: 0,
      bar: null,
    }),
  ];
}

/** Of the last load of a protocol. */
function timelines({ protocol, runs }: ProtocolRuns): Series[] {
  const last = runs.at(-1);
  if (last === undefined) return [];
  const axes = { plot: `Hot swap: ${protocol}`, xAxis: "seconds", yAxis: "ms" };
  const slices = last.result.timeline ?? [];
  return [
    lineSeries(
      { ...axes, name: "p99" },
      slices.map((slice) => [slice.atMs / MS_PER_S, slice.p99Ms] as const),
    ),
    lineSeries(
      { ...axes, name: "p50" },
      slices.map((slice) => [slice.atMs / MS_PER_S, slice.p50Ms] as const),
    ),
    lineSeries(
      { ...axes, name: "publications" },
      last.spans.map((span) => [span.fromMs / MS_PER_S, 0] as const),
    ),
  ];
}

function countSwaps(runs: readonly SwapRun[]): number {
  return runs.reduce((sum, { spans }) => sum + spans.length, 0);
}

function firstErrors(protocol: Protocol, runs: readonly SwapRun[]): string[] {
  const error = runs.find(({ result }) => result.firstError !== null)?.result.firstError ?? null;
  return error === null ? [] : [`${protocol}: the first failure was ${error}`];
}
