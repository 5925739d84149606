import { generatorOfPair } from "../choose-generator.ts";
import type { LoadResult } from "../load-result.ts";
import type { BenchModel } from "../models/bench-model.ts";
import { IMAGE, MLP, TEXT, TREES, VAD } from "../models/bench-models.ts";
import { percentilePoints } from "../report/percentile-points.ts";
import type { RunningServer, SluiceServer } from "../running-server.ts";
import { compareLoads } from "./compare-loads.ts";
import type { Figure, Series } from "./figure.ts";
import { barPoint, lineSeries } from "./figures.ts";
import type { Scenario, ScenarioContext, ScenarioResult } from "./scenario.ts";

const FASTIFY_BAR = { atLeast: 5 };
const PEER_BAR = { atLeast: 10 };

/** Requests per second of every model over every protocol, against what a user would write or pick. */
export const THROUGHPUT: Scenario = {
  name: "throughput",
  title: "Throughput",
  question:
    "How many requests a second, closed loop, against fastify + onnxruntime-node and the peers?",
  bar: "tiny MLP over HTTP JSON: 5 times fastify, 10 times every peer",
  async run(context) {
    const models = context.settings.quick ? [MLP] : [MLP, TREES, VAD, IMAGE, TEXT];
    const found = new Findings();
    for (const model of models) await measureModel(context, model, found);
    await measurePeers(context, found);
    return found.result();
  },
};

class Findings {
  readonly #figures: Figure[] = [];
  readonly #series: Series[] = [];
  readonly #notes: string[] = [];

  add(figure: Figure): void {
    this.#figures.push(figure);
  }

  note(text: string): void {
    this.#notes.push(text);
  }

  bars(model: string, side: string, results: readonly LoadResult[]): void {
    const points = [
      barPoint(
        model,
        results.map((result) => result.throughputPerSec),
      ),
    ];
    const axes = { plot: `Requests per second: ${model}`, xAxis: "", yAxis: "requests/s" };
    this.#series.push({ ...axes, kind: "bars", name: side, points });
  }

  /** Latency of the run in the middle. */
  latency(model: string, side: string, results: readonly LoadResult[]): void {
    const sorted = results.toSorted((a, b) => a.latency.p99Ms - b.latency.p99Ms);
    const middle = sorted[sorted.length >> 1];
    if (middle === undefined) return;
    const { xAxis, points } = percentilePoints(middle.latency);
    const name = middle.generator === "script" ? `${side}, script generator` : side;
    const axes = { plot: `Latency, closed loop: ${model}`, name, xAxis, yAxis: "ms" };
    this.#series.push(lineSeries(axes, points));
  }

  result(): ScenarioResult {
    const figures = this.#figures.toSorted(
      (a, b) => Number(b.bar !== null) - Number(a.bar !== null),
    );
    return { figures, series: this.#series, notes: this.#notes };
  }
}

async function measureModel(
  context: ScenarioContext,
  model: BenchModel,
  found: Findings,
): Promise<void> {
  const file = await context.writeModel(model);
  const sluice = await context.startSluice({ models: { [model.name]: file }, flags: [] });
  const fastify = await context.startFastify(file, null);
  const baseline = context.planLoad(fastify, model.name);
  for (const protocol of context.settings.protocols) {
    const plan = context.planLoad(sluice, model.name, { protocol });
    const generator = generatorOfPair(plan, baseline);
    const ours = context.contender(`sluice ${protocol}`, sluice, plan);
    const theirs = context.contender("fastify", fastify, { ...baseline, generator });
    const hasBar = model === MLP && protocol === "http-json";
    const bar = hasBar ? FASTIFY_BAR : null;
    const what = `${model.name} ${protocol}`;
    const { throughput, paired } = await compareLoads(context, what, { ours, theirs }, bar);
    found.add(throughput);
    found.bars(model.name, ours.name, paired.ours);
    found.latency(model.name, ours.name, paired.ours);
    if (protocol !== context.settings.protocols[0]) continue;
    found.bars(model.name, theirs.name, paired.theirs);
    found.latency(model.name, theirs.name, paired.theirs);
  }
  await context.stop(sluice);
  await context.stop(fastify);
}

/** The tiny MLP over JSON, which all of them speak; one peer at a time, as they take memory. */
async function measurePeers(context: ScenarioContext, found: Findings): Promise<void> {
  const { startable, absent } = context.settings.peers;
  for (const { name, reason } of absent) found.note(`${name}: ${reason}`);
  if (startable.length + absent.length === 0) {
    found.note("No peer was asked for: --peers all measures those that are set up.");
  }
  if (startable.length === 0) return;
  const file = await context.writeModel(MLP);
  const sluice = await context.startSluice({ models: { [MLP.name]: file }, flags: [] });
  for (const name of startable) {
    const peer = await context.startPeer(name, file, MLP.name).catch((thrown: unknown) => {
      found.note(thrown instanceof Error ? thrown.message : String(thrown));
      return null;
    });
    if (peer === null) continue;
    await measurePeer(context, sluice, peer, found);
    await context.stop(peer);
  }
  await context.stop(sluice);
}

async function measurePeer(
  context: ScenarioContext,
  sluice: SluiceServer,
  peer: RunningServer,
  found: Findings,
): Promise<void> {
  const sides = {
    ours: context.contender("sluice", sluice, context.planLoad(sluice, MLP.name)),
    theirs: context.contender(peer.name, peer, context.planLoad(peer, MLP.name)),
  };
  const what = `${MLP.name} http-json`;
  const { throughput, paired } = await compareLoads(context, what, sides, PEER_BAR);
  found.add(throughput);
  found.bars(MLP.name, peer.name, paired.theirs);
}
