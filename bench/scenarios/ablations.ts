import { bestDirectBinding } from "../contender.ts";
import type { Protocol } from "../load-plan.ts";
import type { LoadResult } from "../load-result.ts";
import type { BenchModel } from "../models/bench-model.ts";
import { COMPUTE, MLP } from "../models/bench-models.ts";
import type { Paired } from "../run-pairs.ts";
import type { SluiceServer } from "../running-server.ts";
import { compareLoads, cpuUsOf } from "./compare-loads.ts";
import type { Figure, Series } from "./figure.ts";
import { barPoint, ratioFigure } from "./figures.ts";
import type { Scenario, ScenarioContext, ScenarioResult } from "./scenario.ts";

interface Load {
  readonly model: BenchModel;
  readonly protocol: Protocol;
}

/** Flags of `sluice serve`, and where it runs. */
interface Variant {
  readonly flags: readonly string[];
  /** False where the choice is about cores: the servers' share of two would be one. */
  readonly isPinned: boolean;
}

/** A design choice, turned on and off, on the models where it should matter. */
interface Choice {
  readonly name: string;
  readonly on: Variant;
  readonly off: Variant;
  readonly loads: readonly Load[];
}

const TINY: Load = { model: MLP, protocol: "http-json" };
const HEAVY: Load = { model: COMPUTE, protocol: "http-binary" };
const DEFAULTS: Variant = pinned();

const CHOICES: readonly Choice[] = [
  { name: "inline runs", on: DEFAULTS, off: pinned("--inline-budget-us", "0"), loads: [TINY] },
  {
    name: "native engine",
    on: DEFAULTS,
    off: pinned("--engine", "portable"),
    loads: [TINY, HEAVY],
  },
  { name: "batching", on: DEFAULTS, off: pinned("--max-batch-rows", "1"), loads: [TINY, HEAVY] },
  {
    name: "uWebSockets.js, against node:http",
    on: DEFAULTS,
    off: pinned("--http-transport", "node"),
    loads: [TINY],
  },
  {
    name: "two threads that listen, against one",
    on: { flags: ["--threads", "2"], isPinned: false },
    off: { flags: ["--threads", "1"], isPinned: false },
    loads: [TINY],
  },
];

export const ABLATIONS: Scenario = {
  name: "ablations",
  title: "Design choices on and off",
  question: "Does each design choice pay where it should matter?",
  bar: null,
  run: runAblations,
};

interface Measured {
  /** Of the choice and the load. */
  readonly name: string;
  readonly throughput: Figure;
  readonly paired: Paired<LoadResult, LoadResult>;
}

async function runAblations(context: ScenarioContext): Promise<ScenarioResult> {
  if (bestDirectBinding() !== "addon") {
    throw new Error("the addon is not built here: most choices are about the engine that needs it");
  }
  const servers = await startServers(context);
  const measured: Measured[] = [];
  for (const choice of CHOICES) {
    for (const load of choice.loads) measured.push(await measure(context, servers, choice, load));
  }
  return {
    figures: measured.flatMap((each) => [each.throughput, cpuFigure(each)]),
    series: [ratioSeries(measured)],
    notes: [
      `Closed loop of ${context.settings.connections} connections; all servers run all the time and one is measured at once. A choice pays where requests/s are above 1 or CPU is below.`,
      "On is the default. Servers of the choice about threads are not pinned: they share the generator's cores.",
      "The addon's number scanner on and off is in json-decode: it has no setting.",
    ],
  };
}

/** One for each variant, by its key. */
async function startServers(context: ScenarioContext): Promise<ReadonlyMap<string, SluiceServer>> {
  const models: Record<string, string> = {};
  for (const model of [MLP, COMPUTE]) models[model.name] = await context.writeModel(model);
  const variants = new Map(
    CHOICES.flatMap(({ on, off }) => [on, off]).map((variant) => [keyOf(variant), variant]),
  );
  const servers = new Map<string, SluiceServer>();
  for (const [key, { flags, isPinned }] of variants) {
    servers.set(key, await context.startSluice({ models, flags, isPinned }));
    context.log(`ablations: started with ${key}`);
  }
  return servers;
}

async function measure(
  context: ScenarioContext,
  servers: ReadonlyMap<string, SluiceServer>,
  choice: Choice,
  { model, protocol }: Load,
): Promise<Measured> {
  const side = (name: string, variant: Variant) => {
    const server = servers.get(keyOf(variant));
    if (server === undefined) throw new Error(`no server was started with ${keyOf(variant)}`);
    return context.contender(name, server, context.planLoad(server, model.name, { protocol }));
  };
  const name = `${choice.name}, ${model.name} ${protocol}`;
  context.log(`ablations: ${name}`);
  const sides = { ours: side("on", choice.on), theirs: side("off", choice.off) };
  return { name, ...(await compareLoads(context, name, sides, null)) };
}

function cpuFigure({ name, paired }: Measured): Figure {
  return ratioFigure({
    name: `${name}: server CPU per request, on / off`,
    unit: "µs",
    ours: paired.ours.map(cpuUsOf),
    theirs: paired.theirs.map(cpuUsOf),
    noisyPairs: paired.noisyPairs,
    bar: null,
  });
}

function ratioSeries(measured: readonly Measured[]): Series {
  return {
    plot: "Design choices: requests/s, on / off",
    kind: "bars",
    name: "on / off",
    xAxis: "",
    yAxis: "x",
    points: measured.map(({ name, throughput }) => barPoint(name, throughput.ratio?.pairs ?? [])),
  };
}

function pinned(...flags: string[]): Variant {
  return { flags, isPinned: true };
}

function keyOf({ flags, isPinned }: Variant): string {
  return [...flags, isPinned ? "pinned" : "not pinned"].join(" ");
}
