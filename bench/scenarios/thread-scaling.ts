import { availableParallelism } from "node:os";
import { MLP } from "../models/bench-models.ts";
import { compareLoads } from "./compare-loads.ts";
import type { Figure, SeriesPoint } from "./figure.ts";
import { barPoint } from "./figures.ts";
import type { Scenario } from "./scenario.ts";

/** What another listener brings. */
export const THREAD_SCALING: Scenario = {
  name: "thread-scaling",
  title: "Serving threads",
  question: "How does throughput grow with --threads, against one thread?",
  bar: null,
  async run(context) {
    const file = await context.writeModel(MLP);
    const start = (threads: number) =>
      context.startSluice({
        models: { [MLP.name]: file },
        flags: ["--threads", String(threads)],
        // The servers' cores alone may be too few for the threads that are asked for.
        isPinned: false,
      });
    const one = await start(1);
    const base = context.contender("1 thread", one, context.planLoad(one, MLP.name));
    const figures: Figure[] = [];
    const points: SeriesPoint[] = [];
    for (const threads of threadCounts(availableParallelism())) {
      const many = await start(threads);
      const plan = context.planLoad(many, MLP.name);
      const ours = context.contender(`${threads} threads`, many, plan);
      const sides = { ours, theirs: base };
      const { throughput, paired } = await compareLoads(context, MLP.name, sides, null);
      await context.stop(many);
      figures.push(throughput);
      const values = paired.ours.map((result) => result.throughputPerSec);
      points.push(barPoint(`${threads} threads`, values));
    }
    const axes = { plot: "Requests per second by threads", xAxis: "", yAxis: "requests/s" };
    const series = [{ ...axes, kind: "bars" as const, name: MLP.name, points }];
    const notes = [
      "Servers are not pinned here and share the cores with the generator, which may be the limit: read its share in the warnings.",
    ];
    return { figures, series, notes };
  },
};

/** 2, 4, 8 … and never more than the cores, but 2 at least. */
export function threadCounts(cores: number): number[] {
  const counts = [2];
  while ((counts.at(-1) ?? 0) * 2 <= cores) counts.push((counts.at(-1) ?? 0) * 2);
  return counts;
}
