import { type BenchFlags, describeBench } from "./bench-flags.ts";
import { explainOptions } from "./check-options.ts";
import { PROTOCOLS, type Protocol } from "./load-plan.ts";
import type { BenchOptions } from "./options.ts";
import { type BenchIo, parseCommand, UsageError } from "./parse-command.ts";

interface Usual {
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly connections: number;
  readonly pairs: number;
  readonly protocols: readonly Protocol[];
}

/** Long enough for a steady p99 where one load is measured; scenarios measure dozens. */
const LOAD_USUAL: Usual = {
  ...{ durationMs: 10_000, warmupMs: 2000, connections: 8, pairs: 5 },
  protocols: ["http-json"],
};
const SCENARIO_USUAL: Usual = {
  ...{ durationMs: 4000, warmupMs: 1000, connections: 32, pairs: 5 },
  protocols: PROTOCOLS,
};
const QUICK_USUAL: Usual = {
  ...{ durationMs: 400, warmupMs: 150, connections: 4, pairs: 1 },
  protocols: PROTOCOLS,
};
/** @throws EndedByParser, UsageError */
export function parseOptions(argv: readonly string[], io: BenchIo): BenchOptions {
  const options = understand(parseCommand<BenchFlags>(describeBench(), argv, io));
  const problem = explainOptions(options);
  if (problem !== null) throw new UsageError(problem);
  return options;
}

function understand(flags: BenchFlags): BenchOptions {
  const usual = usualOf(flags);
  return {
    ...sidesOf(flags),
    ...filesOf(flags),
    protocols: flags.protocol ?? usual.protocols,
    connections: flags.connections ?? usual.connections,
    ratePerSec: flags.rate ?? null,
    durationMs: millis(flags.durationSecs) ?? usual.durationMs,
    warmupMs: millis(flags.warmupSecs) ?? usual.warmupMs,
    timeoutMs: flags.timeoutSecs * 1000,
    generatorThreads: flags.generatorThreads,
    generator: flags.generator,
    shapes: flags.shape,
    verify: flags.verify,
    pairs: flags.pairs ?? usual.pairs,
    intraOpThreads: flags.intraOpThreads ?? null,
    sliceMs: flags.sliceMs ?? null,
    pins: flags.pin,
    scenarios: flags.scenario,
    listsScenarios: flags.listScenarios,
    quick: flags.quick,
    peers: flags.peers,
    peersToSetUp: flags.setUpPeers === undefined ? null : peersNamed(flags.setUpPeers),
  };
}

type Side = "url" | "grpc" | "pid" | "apiKey" | "model" | "version" | "baseline" | "modelFile";

/** What is measured. */
function sidesOf(flags: BenchFlags): Pick<BenchOptions, Side> {
  return {
    url: flags.url ?? null,
    grpc: flags.grpc ?? null,
    pid: flags.pid ?? null,
    apiKey: flags.apiKey ?? null,
    model: flags.model ?? null,
    version: flags.version ?? null,
    baseline: flags.baseline ?? null,
    modelFile: flags.modelFile ?? null,
  };
}

type File = "inputFile" | "jsonFile" | "markdownFile" | "htmlFile";

function filesOf(flags: BenchFlags): Pick<BenchOptions, File> {
  return {
    inputFile: flags.input ?? null,
    jsonFile: flags.json ?? null,
    markdownFile: flags.markdown ?? null,
    htmlFile: flags.html ?? null,
  };
}

function usualOf(flags: BenchFlags): Usual {
  if (flags.quick) return QUICK_USUAL;
  return flags.scenario.length > 0 ? SCENARIO_USUAL : LOAD_USUAL;
}
function peersNamed(names: readonly string[]): readonly string[] {
  return names.includes("all") ? [] : names;
}

function millis(seconds: number | undefined): number | null {
  return seconds === undefined ? null : seconds * 1000;
}
