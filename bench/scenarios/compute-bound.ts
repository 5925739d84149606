import { COMPUTE } from "../models/bench-models.ts";
import { compareLoads } from "./compare-loads.ts";
import type { Figure, Series } from "./figure.ts";
import { barPoint } from "./figures.ts";
import type { Scenario, ScenarioContext } from "./scenario.ts";

const BAR = { atLeast: 0.95 };
/** Enough that a request waits whenever a run ends. */
const CONNECTIONS = 4;
const BATCH_ROWS = [1, 8];

/** Whether the server gets out of the way of a model that is all compute. */
export const COMPUTE_BOUND: Scenario = {
  name: "compute-bound",
  title: "A compute-bound model",
  question:
    "What share of ONNX Runtime's own throughput reaches the clients, with the same threads and batch sizes?",
  bar: "at least 0.95 over HTTP binary",
  async run(context) {
    const file = await context.writeModel(COMPUTE);
    const sizes = context.settings.quick ? BATCH_ROWS.slice(0, 1) : BATCH_ROWS;
    const figures: Figure[] = [];
    const series: Series[] = [];
    for (const rows of sizes) {
      const measured = await measureBatch(context, file, rows);
      figures.push(measured.figure);
      series.push(...measured.series);
    }
    return { figures, series, notes: ["One thread runs the model on either side."] };
  },
};

async function measureBatch(
  context: ScenarioContext,
  modelFile: string,
  rows: number,
): Promise<{ figure: Figure; series: Series[] }> {
  const sluice = await context.startSluice({
    models: { [COMPUTE.name]: modelFile },
    // Requests are as long as a batch may be, so that neither side stacks them further.
    flags: ["--engine-threads", "1", "--intra-op-threads", "1", "--max-batch-rows", String(rows)],
  });
  const plan = context.planLoad(sluice, COMPUTE.name, {
    protocol: "http-binary",
    connections: CONNECTIONS,
    shapes: new Map([["x", [rows, 64, 8]]]),
  });
  const ours = context.contender("sluice", sluice, plan);
  const theirs = context.direct({ modelFile, inputs: plan.inputs, intraOpThreads: 1 });
  const what = `${COMPUTE.name} http-binary, ${rows} rows a request`;
  const { throughput, paired } = await compareLoads(context, what, { ours, theirs }, BAR);
  await context.stop(sluice);
  const axes = { plot: "Requests per second: compute-bound", xAxis: "", yAxis: "requests/s" };
  const series = [
    { name: ours.name, results: paired.ours },
    { name: theirs.name, results: paired.theirs },
  ].map(({ name, results }): Series => {
    const values = results.map((result) => result.throughputPerSec);
    return { ...axes, kind: "bars", name, points: [barPoint(`${rows} rows`, values)] };
  });
  return { figure: throughput, series };
}
