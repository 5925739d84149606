import { bigBenchModel } from "../models/bench-models.ts";
import { assertFaultless, rssMibOf } from "./compare-loads.ts";
import { ratioFigure } from "./figures.ts";
import type { Scenario, ScenarioContext } from "./scenario.ts";

const BAR = { atMost: 1.2 };
const MEGABYTES = 100;
const QUICK_MEGABYTES = 10;
const MANY = 4;

/** Whether threads share the weights. */
export const MEMORY_BY_THREADS: Scenario = {
  name: "memory-by-threads",
  title: "Memory by threads",
  question: `How much more memory does a server of a ${MEGABYTES} MB model take with ${MANY} threads than with one?`,
  bar: "at most 1.2 times, native engine",
  async run(context) {
    const megabytes = context.settings.quick ? QUICK_MEGABYTES : MEGABYTES;
    const model = bigBenchModel(megabytes);
    const file = await context.writeModel(model);
    const side = (threads: number) => ({
      name: `--threads ${threads}`,
      measure: () => measureRss(context, { name: model.name, file }, threads),
    });
    const paired = await context.pairs(side(MANY), side(1));
    const figure = ratioFigure({
      name: `RSS with ${MANY} threads / with 1, ${megabytes} MB model`,
      unit: "MiB",
      ours: paired.ours,
      theirs: paired.theirs,
      noisyPairs: 0,
      bar: BAR,
    });
    const notes = [
      "Serving threads and engine threads both; measured under load; other work on the machine does not change it.",
    ];
    return { figures: [figure], series: [], notes };
  },
};

/** Mebibytes at the end of a short load. */
async function measureRss(
  context: ScenarioContext,
  model: { readonly name: string; readonly file: string },
  threads: number,
): Promise<number> {
  const server = await context.startSluice({
    models: { [model.name]: model.file },
    flags: ["--threads", String(threads), "--engine-threads", String(threads)],
  });
  const plan = context.planLoad(server, model.name, { protocol: "http-binary" });
  const result = await context.measure(`--threads ${threads}`, server, plan);
  await context.stop(server);
  assertFaultless(result);
  return rssMibOf(result);
}
