import type { Protocol } from "../load-plan.ts";
import { MLP } from "../models/bench-models.ts";
import type { SluiceServer } from "../running-server.ts";
import { assertFaultless, cpuUsOf } from "./compare-loads.ts";
import type { Figure } from "./figure.ts";
import { differenceFigure, plainFigure } from "./figures.ts";
import type { Scenario, ScenarioContext } from "./scenario.ts";

const ADDED_P50_BAR = { atMost: 100 };
const ADDED_CPU_BAR = { atMost: 15 };

/** What the server itself costs, where the model costs nearly nothing. */
export const OVERHEAD: Scenario = {
  name: "overhead",
  title: "What the server adds",
  question:
    "How much later does an answer come than from ONNX Runtime itself, and how much more CPU does it take than an echo of the same bytes?",
  bar: "added p50 below 100 µs over HTTP binary at concurrency 1; CPU per request at most 15 µs above a bare uWebSockets.js echo",
  async run(context) {
    const file = await context.writeModel(MLP);
    const sluice = await context.startSluice({ models: { [MLP.name]: file }, flags: [] });
    const cpu = await measureAddedCpu(context, sluice, "http-json");
    const binaryCpu = await measureAddedCpu(context, sluice, "http-binary");
    // Last: one request at a time would not get the server's code compiled for seconds.
    const added = await measureAddedLatency(context, sluice, file);
    return {
      figures: [...added, ...cpu, ...binaryCpu],
      series: [],
      notes: ["CPU per request includes the run of the model, which the echo does not have."],
    };
  },
};

async function measureAddedLatency(
  context: ScenarioContext,
  sluice: SluiceServer,
  modelFile: string,
): Promise<Figure[]> {
  const plan = context.planLoad(sluice, MLP.name, { protocol: "http-binary", connections: 1 });
  const ours = context.contender("sluice http-binary", sluice, plan);
  const direct = context.direct({ modelFile, inputs: plan.inputs, intraOpThreads: 1 });
  const paired = await context.pairs(ours, direct);
  paired.ours.forEach(assertFaultless);
  const p50Us = (result: { readonly latency: { readonly p50Ms: number } }) =>
    result.latency.p50Ms * 1000;
  const values = {
    ours: paired.ours.map(p50Us),
    theirs: paired.theirs.map(p50Us),
    noisyPairs: paired.noisyPairs,
  };
  const name = `added p50 over ${direct.name}, http-binary, concurrency 1`;
  const runs = { values: values.theirs, noisyRuns: paired.noisyPairs, bar: null };
  return [
    differenceFigure({ name, unit: "µs", ...values, bar: ADDED_P50_BAR }),
    plainFigure({ name: `p50 of ${direct.name}`, unit: "µs", ...runs }),
  ];
}

async function measureAddedCpu(
  context: ScenarioContext,
  sluice: SluiceServer,
  protocol: Protocol,
): Promise<Figure[]> {
  const plan = context.planLoad(sluice, MLP.name, { protocol });
  const echo = await context.startEcho(sluice, plan);
  const echoed = context.planLoad(echo, MLP.name, { protocol, comparesValues: false });
  const paired = await context.pairs(
    context.contender(`sluice ${protocol}`, sluice, plan),
    context.contender(`echo ${protocol}`, echo, echoed),
  );
  await context.stop(echo);
  [...paired.ours, ...paired.theirs].forEach(assertFaultless);
  const theirs = paired.theirs.map(cpuUsOf);
  const { noisyPairs } = paired;
  const name = `CPU per request above an echo, ${protocol}`;
  const ours = paired.ours.map(cpuUsOf);
  const runs = { values: theirs, noisyRuns: noisyPairs, bar: null };
  return [
    differenceFigure({ name, unit: "µs", ours, theirs, noisyPairs, bar: ADDED_CPU_BAR }),
    plainFigure({ name: `CPU per request of the echo, ${protocol}`, unit: "µs", ...runs }),
  ];
}
