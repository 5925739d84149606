import type { LoadResult } from "../load-result.ts";
import { COMPUTE, MLP, TREES, VAD } from "../models/bench-models.ts";
import type { RunningServer } from "../running-server.ts";
import { assertFaultless } from "./compare-loads.ts";
import { ratioFigure } from "./figures.ts";
import type { Scenario, ScenarioContext } from "./scenario.ts";

/** Far below what any of them can do alone. */
const RATE_PER_SEC = 300;
const LIGHT_CONNECTIONS = 8;
const HEAVY_CONNECTIONS = 2;

/** What the neighbours of a heavy model feel. */
export const MIXED_MODELS: Scenario = {
  name: "mixed-models",
  title: "Mixed models",
  question:
    "How long do users of small models wait while the same server is busy with a compute-bound one?",
  bar: null,
  async run(context) {
    const light = context.settings.quick ? [MLP] : [MLP, TREES, VAD];
    const models: Record<string, string> = {};
    for (const model of [...light, COMPUTE]) models[model.name] = await context.writeModel(model);
    const sluice = await context.startSluice({ models, flags: [] });
    const figures = [];
    for (const { name } of light) {
      const paired = await context.pairs(
        { name: `${name} beside ${COMPUTE.name}`, measure: () => beside(context, sluice, name) },
        { name: `${name} alone`, measure: () => alone(context, sluice, name) },
      );
      [...paired.ours, ...paired.theirs].forEach(assertFaultless);
      for (const percentile of ["p50Ms", "p99Ms"] as const) {
        figures.push(
          ratioFigure({
            name: `${name} at ${RATE_PER_SEC}/s: ${percentile.slice(0, 3)}, beside ${COMPUTE.name} / alone`,
            unit: "ms",
            ours: paired.ours.map((result) => result.latency[percentile]),
            theirs: paired.theirs.map((result) => result.latency[percentile]),
            noisyPairs: paired.noisyPairs,
            bar: null,
          }),
        );
      }
    }
    return { figures, series: [], notes: [] };
  },
};

function alone(
  context: ScenarioContext,
  server: RunningServer,
  model: string,
): Promise<LoadResult> {
  const changes = { ratePerSec: RATE_PER_SEC, connections: LIGHT_CONNECTIONS };
  return context.measure(`${model} alone`, server, context.planLoad(server, model, changes));
}

async function beside(
  context: ScenarioContext,
  server: RunningServer,
  model: string,
): Promise<LoadResult> {
  const heavy = context.planLoad(server, COMPUTE.name, {
    protocol: "http-binary",
    connections: HEAVY_CONNECTIONS,
  });
  const changes = { ratePerSec: RATE_PER_SEC, connections: LIGHT_CONNECTIONS };
  const small = context.planLoad(server, model, changes);
  const [result] = await Promise.all([
    context.measure(`${model} beside ${COMPUTE.name}`, server, small),
    context.measure(`${COMPUTE.name} beside ${model}`, server, heavy),
  ]);
  return result;
}
