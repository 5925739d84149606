import type { BenchModel } from "../models/bench-model.ts";
import { bigBenchModel, MLP } from "../models/bench-models.ts";
import { ratioFigure } from "./figures.ts";
import type { Scenario, ScenarioContext } from "./scenario.ts";

const MEGABYTES = 100;

/** From nothing to the first answer. */
export const COLD_START: Scenario = {
  name: "cold-start",
  title: "Cold start",
  question: "How long after its start is a server ready with a model, against fastify?",
  bar: null,
  async run(context) {
    const models = context.settings.quick ? [MLP] : [MLP, bigBenchModel(MEGABYTES)];
    const figures = [];
    for (const model of models) figures.push(await measureStart(context, model));
    const notes = [
      "Sluice checks each new version in a process of its own, loads it, runs it to warm up and only then is ready; fastify loads and listens.",
    ];
    return { figures, series: [], notes };
  },
};

async function measureStart(context: ScenarioContext, model: BenchModel) {
  const file = await context.writeModel(model);
  const paired = await context.pairs(
    {
      name: "sluice",
      measure: async () => {
        const server = await context.startSluice({ models: { [model.name]: file }, flags: [] });
        await context.stop(server);
        return server.startMs;
      },
    },
    {
      name: "fastify",
      measure: async () => {
        const startMs = performance.now();
        const server = await context.startFastify(file, null);
        const tookMs = performance.now() - startMs;
        await context.stop(server);
        return tookMs;
      },
    },
  );
  return ratioFigure({
    name: `${model.name}: start to ready, sluice / fastify`,
    unit: "ms",
    ours: paired.ours,
    theirs: paired.theirs,
    noisyPairs: paired.noisyPairs,
    bar: null,
  });
}
