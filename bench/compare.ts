import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { generatorOfPair } from "./choose-generator.ts";
import {
  bestDirectBinding,
  type Contender,
  directContender,
  serverContender,
} from "./contender.ts";
import type { LoadPlan } from "./load-plan.ts";
import type { LoadResult } from "./load-result.ts";
import type { MachineGuard } from "./machine/machine-guard.ts";
import { describeNoise } from "./machine/noise.ts";
import { planLoad, prepareWorkload, type Workload } from "./measure-server.ts";
import { mlpModel } from "./mlp-model.ts";
import type { BenchOptions } from "./options.ts";
import type { BenchIo } from "./parse-command.ts";
import { summariseRatios } from "./ratio.ts";
import type { Comparison } from "./report.ts";
import { assertSameGenerator, type Paired, type PairListener, runPairs } from "./run-pairs.ts";
import type { RunningServer } from "./running-server.ts";
import { startFastify } from "./start-baselines.ts";
import { startSluice } from "./start-sluice.ts";
import { withFolder } from "./with-folder.ts";

/** Name of the compared model, at every contender. */
export const BENCH_MODEL = "bench";
const MODEL = { name: BENCH_MODEL, version: null } as const;

/**
 * Starts Sluice and the baseline on the same model file and measures them in turn with the same
 * inputs: Sluice over each protocol that was asked for, the baseline over JSON. Both run all the
 * time; the one that is not asked is idle. Ends both and removes its temporary files.
 * @param machine cores of the servers; null: all
 */
export async function compare(
  options: BenchOptions,
  machine: { readonly cores: string | null; readonly guard: MachineGuard },
  io: BenchIo,
): Promise<Comparison[]> {
  const { cores, guard } = machine;
  const servers: RunningServer[] = [];
  return withFolder("sluice-bench-", async (folder) => {
    try {
      const modelFile = await placeModel(options.modelFile ?? "", folder);
      const { intraOpThreads } = options;
      const flags = intraOpThreads === null ? [] : ["--intra-op-threads", String(intraOpThreads)];
      const models = { [BENCH_MODEL]: modelFile };
      const sluice = await startSluice({ models, flags }, folder, cores);
      servers.push(sluice);
      const workload = await prepareWorkload(sluice, MODEL, options);
      const baselineOf = await startBaseline(options, modelFile, workload, servers, cores);
      const comparisons: Comparison[] = [];
      for (const protocol of options.protocols) {
        const plan = planLoad(protocol, sluice, MODEL, workload, options);
        const name = `sluice ${protocol}`;
        const ours = serverContender(name, plan, options.generatorThreads, sluice.pids);
        const baseline = baselineOf(plan);
        const paired = await runPairs(ours, baseline, options.pairs, guard, showPair(io));
        comparisons.push(describe(paired, ours.name, baseline.name));
      }
      return comparisons;
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
}

function showPair(io: BenchIo): PairListener<LoadResult, LoadResult> {
  return ({ pair, pairs, ours, theirs, noise }) => {
    const rates = `${Math.round(ours.throughputPerSec)} and ${Math.round(theirs.throughputPerSec)}`;
    const noisy = noise.isNoisy ? `; noisy: ${describeNoise(noise)}` : "";
    io.stderr.write(
      `pair ${pair}/${pairs}: ${ours.name} and ${theirs.name}: ${rates} answers/s${noisy}\n`,
    );
  };
}

async function placeModel(modelFile: string, folder: string): Promise<string> {
  if (modelFile !== "mlp") return resolve(modelFile);
  const path = join(folder, "mlp.onnx");
  await writeFile(path, mlpModel());
  return path;
}

/** @returns the baseline as it is measured beside a plan of ours */
async function startBaseline(
  options: BenchOptions,
  modelFile: string,
  workload: Workload,
  servers: RunningServer[],
  cores: string | null,
): Promise<(ours: LoadPlan) => Contender> {
  const { warmupMs, durationMs, intraOpThreads } = options;
  if (options.baseline === "direct") {
    const { inputs } = workload;
    const through = bestDirectBinding();
    const plan = { modelFile, inputs, warmupMs, durationMs, intraOpThreads, through };
    return () => directContender(plan, cores);
  }
  const fastify = await startFastify(modelFile, intraOpThreads, cores);
  servers.push(fastify);
  const plan = planLoad("http-json", fastify, MODEL, workload, options);
  return (ours) => {
    const paired = { ...plan, generator: generatorOfPair(ours, plan) };
    return serverContender("fastify http-json", paired, options.generatorThreads, fastify.pids);
  };
}

function describe(
  paired: Paired<LoadResult, LoadResult>,
  ours: string,
  baseline: string,
): Comparison {
  assertSameGenerator(paired);
  const ratioOf = (read: (result: LoadResult) => number) =>
    summariseRatios(paired.ours.map(read), paired.theirs.map(read), paired.noisyPairs);
  return {
    ours,
    baseline,
    pairs: paired.ours.flatMap((mine, i) => {
      const theirs = paired.theirs[i];
      return theirs === undefined ? [] : [{ ours: mine, baseline: theirs }];
    }),
    throughputRatio: ratioOf((result) => result.throughputPerSec),
    p50Ratio: ratioOf((result) => result.latency.p50Ms),
    p99Ratio: ratioOf((result) => result.latency.p99Ms),
  };
}
