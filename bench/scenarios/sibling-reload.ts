import type { Contender } from "../contender.ts";
import type { LoadPlan } from "../load-plan.ts";
import type { LoadResult } from "../load-result.ts";
import { bigBenchModel, MLP } from "../models/bench-models.ts";
import type { Paired } from "../run-pairs.ts";
import type { SluiceServer } from "../running-server.ts";
import type { Figure, Series } from "./figure.ts";
import { barPoint, plainFigure, ratioFigure } from "./figures.ts";
import { Publisher } from "./hot-swap-publisher.ts";
import { planSwaps } from "./hot-swap-versions.ts";
import { type LoadBesideSwaps, measureBesideSwaps } from "./load-beside-swaps.ts";
import type { Scenario, ScenarioContext, ScenarioResult } from "./scenario.ts";

const RATE_PER_SEC = 100;
const SIBLING_MB = 50;
const MAX_RATIO = 1.5;
/** At 100 requests/s the p99 of the usual window would be its fourth worst request. */
const WINDOWS = 4;
const QUICK_WINDOW_MS = 4000;

export const SIBLING_RELOAD: Scenario = {
  name: "sibling-reload",
  title: "A big sibling reloads",
  question:
    "What does a small model's tail feel of a 50 MB neighbour that is replaced all the time?",
  bar: `p99 of 100 requests/s while the sibling reloads, against steady: at most ${MAX_RATIO}x`,
  run: runSiblingReload,
};

async function runSiblingReload(context: ScenarioContext): Promise<ScenarioResult> {
  const sibling = bigBenchModel(SIBLING_MB);
  const modelFile = await context.writeModel(MLP);
  const siblingFile = await context.writeModel(sibling);
  const models = { [MLP.name]: modelFile, [sibling.name]: siblingFile };
  const server = await context.startSluice({ models, flags: [] });
  const { quick, durationMs } = context.settings;
  const plan = context.planLoad(server, MLP.name, {
    ratePerSec: RATE_PER_SEC,
    durationMs: quick ? QUICK_WINDOW_MS : WINDOWS * durationMs,
  });
  const publisher = new Publisher(planSwaps(server, sibling.name, siblingFile));
  try {
    // Node.js starts, reads 50 MB and compiles its code outside the measured time.
    await publisher.swap();
    const reloading = reloadingLoad(context, server, publisher, plan);
    const steady = context.contender("sluice, steady", server, plan);
    return describe(await context.pairs(reloading, steady));
  } finally {
    await publisher.close();
  }
}

function reloadingLoad(
  context: ScenarioContext,
  server: SluiceServer,
  publisher: Publisher,
  plan: LoadPlan,
): Contender<LoadBesideSwaps> {
  const name = "sluice, sibling reloading";
  return {
    name,
    measure: () => measureBesideSwaps(publisher, 0, () => context.measure(name, server, plan)),
  };
}

function describe({
  ours,
  theirs,
  noisyPairs,
}: Paired<LoadBesideSwaps, LoadResult>): ScenarioResult {
  const reloading = ours.map((run) => run.result);
  const compare = (name: string, unit: string, read: (result: LoadResult) => number) =>
    ratioFigure({
      name: `mlp, ${RATE_PER_SEC} requests/s: ${name}, ${SIBLING_MB} MB sibling reloading / steady`,
      unit,
      ours: reloading.map(read),
      theirs: theirs.map(read),
      noisyPairs,
      bar: name === "p99" ? { atMost: MAX_RATIO } : null,
    });
  return {
    figures: [
      compare("p99", "ms", (result) => result.latency.p99Ms),
      plainFigure({
        name: "failed requests, all loads together",
        unit: "requests",
        values: [sum([...reloading, ...theirs].map((each) => each.errorCount + each.unsent))],
        noisyRuns: 0,
        bar: { atMost: 0 },
      }),
      compare("p50", "ms", (result) => result.latency.p50Ms),
      compare("p99.9", "ms", (result) => result.latency.p999Ms),
      reloadTime(ours),
    ],
    series: percentiles(reloading, theirs),
    notes: [
      `Versions of the sibling that came to serve during the loads: ${ours.map(countServed).join(", ")}. Each was published as soon as the last one answered, from a process of lowest priority on the generator's cores.`,
    ],
  };
}

function countServed({ swaps, endMs }: LoadBesideSwaps): number {
  return swaps.filter((swap) => swap.firstAnswerMs < endMs).length;
}

function reloadTime(ours: readonly LoadBesideSwaps[]): Figure {
  const times = ours.flatMap((run) =>
    run.swaps.map((swap) => swap.firstAnswerMs - swap.publishStartMs),
  );
  return plainFigure({
    name: "sibling: from the start of a publication to the version's first answer",
    unit: "ms",
    values: times,
    noisyRuns: 0,
    bar: null,
  });
}

function percentiles(reloading: readonly LoadResult[], steady: readonly LoadResult[]): Series[] {
  const axes = { plot: "Latency while a 50 MB sibling reloads", xAxis: "", yAxis: "ms" };
  const barsOf = (name: string, results: readonly LoadResult[]): Series => ({
    ...axes,
    kind: "bars",
    name,
    points: [
      barPoint(
        "p50",
        results.map(({ latency }) => latency.p50Ms),
      ),
      barPoint(
        "p95",
        results.map(({ latency }) => latency.p95Ms),
      ),
      barPoint(
        "p99",
        results.map(({ latency }) => latency.p99Ms),
      ),
      barPoint(
        "max",
        results.map(({ latency }) => latency.maxMs),
      ),
    ],
  });
  return [barsOf("sibling reloading", reloading), barsOf("steady", steady)];
}

function sum(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
