import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Contender, directContender, serverContender } from "./contender.ts";
import { planLoad, prepareWorkload, type Workload } from "./measure-server.ts";
import { mlpModel } from "./mlp-model.ts";
import type { BenchIo, BenchOptions } from "./options.ts";
import { summariseRatios } from "./ratio.ts";
import type { Comparison } from "./report.ts";
import { BENCH_MODEL, type StartedServer, startFastify, startSluice } from "./start-servers.ts";

const MODEL = { name: BENCH_MODEL, version: null } as const;

/**
 * Starts Sluice and the baseline on the same model file and measures them in turn with the same
 * inputs: Sluice over each protocol that was asked for, the baseline over JSON. Both run all the
 * time; the one that is not asked is idle. Ends both and removes its temporary files.
 */
export async function compare(options: BenchOptions, io: BenchIo): Promise<Comparison[]> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const servers: StartedServer[] = [];
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeFolder);
  process.once("SIGINT", exitOnSignal);
  process.once("SIGTERM", exitOnSignal);
  try {
    const modelFile = await placeModel(options.modelFile ?? "", folder);
    const sluice = await startSluice(modelFile, folder, options.intraOpThreads);
    servers.push(sluice);
    const workload = await prepareWorkload(sluice.endpoints, MODEL, options);
    const baseline = await startBaseline(options, modelFile, workload, servers);
    const comparisons: Comparison[] = [];
    for (const protocol of options.protocols) {
      const plan = planLoad(protocol, sluice.endpoints, MODEL, workload, options);
      const ours = serverContender(`sluice ${protocol}`, plan, options.generatorThreads);
      comparisons.push(await runPairs(ours, baseline, options.pairs, io));
    }
    return comparisons;
  } finally {
    await Promise.all(servers.map((server) => server.child.stop()));
    removeFolder();
    process.off("exit", removeFolder);
    process.off("SIGINT", exitOnSignal);
    process.off("SIGTERM", exitOnSignal);
  }
}

/** Left to its default a signal ends the process without `exit`, and the servers would stay. */
function exitOnSignal(signal: "SIGINT" | "SIGTERM"): void {
  process.exit(signal === "SIGINT" ? 130 : 143);
}

async function placeModel(modelFile: string, folder: string): Promise<string> {
  if (modelFile !== "mlp") return resolve(modelFile);
  const path = join(folder, "mlp.onnx");
  await writeFile(path, mlpModel());
  return path;
}

async function startBaseline(
  options: BenchOptions,
  modelFile: string,
  workload: Workload,
  servers: StartedServer[],
): Promise<Contender> {
  const { warmupMs, durationMs, intraOpThreads } = options;
  if (options.baseline === "direct") {
    return directContender({
      modelFile,
      inputs: workload.inputs,
      warmupMs,
      durationMs,
      intraOpThreads,
    });
  }
  const fastify = await startFastify(modelFile, intraOpThreads);
  servers.push(fastify);
  const plan = planLoad("http-json", fastify.endpoints, MODEL, workload, options);
  return serverContender("fastify http-json", plan, options.generatorThreads);
}

/**
 * Measures both, `pairs` times, changing who goes first: a machine that slowly gets faster or slower
 * then favours neither.
 */
export async function runPairs(
  ours: Contender,
  baseline: Contender,
  pairs: number,
  io: BenchIo,
): Promise<Comparison> {
  const measured: Comparison["pairs"][number][] = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    const oursFirst = pair % 2 === 0;
    const early = await (oursFirst ? ours : baseline).measure();
    const late = await (oursFirst ? baseline : ours).measure();
    const both = oursFirst ? { ours: early, baseline: late } : { ours: late, baseline: early };
    measured.push(both);
    const rates = `${Math.round(both.ours.throughputPerSec)} and ${Math.round(both.baseline.throughputPerSec)}`;
    io.stderr.write(
      `pair ${pair + 1}/${pairs}: ${ours.name} and ${baseline.name}: ${rates} answers/s\n`,
    );
  }
  const ratioOf = (read: (result: Comparison["pairs"][number]["ours"]) => number) =>
    summariseRatios(
      measured.map((pair) => read(pair.ours)),
      measured.map((pair) => read(pair.baseline)),
    );
  return {
    ours: ours.name,
    baseline: baseline.name,
    pairs: measured,
    throughputRatio: ratioOf((result) => result.throughputPerSec),
    p50Ratio: ratioOf((result) => result.latency.p50Ms),
    p99Ratio: ratioOf((result) => result.latency.p99Ms),
  };
}
