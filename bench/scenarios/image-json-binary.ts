import type { LoadResult } from "../load-result.ts";
import { IMAGE } from "../models/bench-models.ts";
import type { Paired } from "../run-pairs.ts";
import { compareLoads, cpuUsOf } from "./compare-loads.ts";
import type { Figure } from "./figure.ts";
import { ratioFigure } from "./figures.ts";
import type { Scenario } from "./scenario.ts";

/** Bodies of 1-2 MB are dear to parse and cheap to copy; few make the server busy. */
const CONNECTIONS = 4;

/** A 1x3x224x224 tensor as text and as bytes. */
export const IMAGE_JSON_BINARY: Scenario = {
  name: "image-json-binary",
  title: "An image in JSON and in binary",
  question: "What does a 1x3x224x224 tensor cost as JSON, against binary and against fastify?",
  bar: null,
  async run(context) {
    const file = await context.writeModel(IMAGE);
    const sluice = await context.startSluice({ models: { [IMAGE.name]: file }, flags: [] });
    const fastify = await context.startFastify(file, null);
    const load = { connections: CONNECTIONS };
    const json = context.contender(
      "sluice http-json",
      sluice,
      context.planLoad(sluice, IMAGE.name, load),
    );
    const binary = context.contender(
      "sluice http-binary",
      sluice,
      context.planLoad(sluice, IMAGE.name, { ...load, protocol: "http-binary" }),
    );
    const other = context.contender(
      "fastify",
      fastify,
      context.planLoad(fastify, IMAGE.name, load),
    );
    const what = IMAGE.name;
    const formats = await compareLoads(context, what, { ours: binary, theirs: json }, null);
    const servers = await compareLoads(context, what, { ours: json, theirs: other }, null);
    return {
      figures: [
        formats.throughput,
        servers.throughput,
        cpuFigure("http-binary / http-json", formats.paired),
        cpuFigure("http-json, sluice / fastify", servers.paired),
      ],
      series: [],
      notes: [],
    };
  },
};

function cpuFigure(name: string, paired: Paired<LoadResult, LoadResult>): Figure {
  return ratioFigure({
    name: `CPU per request, ${name}`,
    unit: "µs",
    ours: paired.ours.map(cpuUsOf),
    theirs: paired.theirs.map(cpuUsOf),
    noisyPairs: paired.noisyPairs,
    bar: null,
  });
}
