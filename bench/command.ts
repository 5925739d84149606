import { writeFile } from "node:fs/promises";
import { prepareGenerator } from "./choose-generator.ts";
import { compare } from "./compare.ts";
import { describeEnvironment } from "./environment.ts";
import { createMachineGuard, type MachineGuard } from "./machine/machine-guard.ts";
import { type PinningOutcome, withPinning } from "./machine/with-pinning.ts";
import { measureServer } from "./measure-server.ts";
import type { BenchOptions } from "./options.ts";
import { type BenchIo, EndedByParser, UsageError } from "./parse-command.ts";
import { parseOptions } from "./parse-options.ts";
import { type ChosenPeers, choosePeers } from "./peers/choose-peers.ts";
import { describePeers } from "./peers/peer.ts";
import { setUpPeers } from "./peers/set-up-peers.ts";
import { renderHtml } from "./report/html-report.ts";
import { allResults, type BenchReport, renderJson, renderMarkdown } from "./report.ts";
import { ALL_SCENARIOS } from "./scenarios/all-scenarios.ts";
import { runScenarios, selectScenarios } from "./scenarios/run-scenarios.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import type { ScenarioReport } from "./scenarios/scenario-report.ts";
import { collectWarnings } from "./warnings.ts";

const RIGHT = 0;
const WRONG = 1;
const USAGE = 2;

/** With `--quick` nothing is precise anyway. */
const QUICK_PATIENCE_MS = 0;

/**
 * `sluice bench`: measures, writes a table to stdout and what else was asked for to files; progress
 * and complaints go to stderr.
 * @param argv what follows `sluice bench`
 * @returns the exit status that `--help` promises; never rejects
 */
export async function runBench(argv: readonly string[], io: BenchIo): Promise<number> {
  try {
    const options = parseOptions(argv, io);
    if (options.listsScenarios) {
      io.stdout.write(listScenarios());
      return RIGHT;
    }
    if (options.peersToSetUp !== null) {
      await setUpPeers(options.peersToSetUp, io);
      return RIGHT;
    }
    const chosen = choose(options);
    const isPlain = options.baseline === null && chosen.scenarios.length === 0;
    await prepareGenerator(options.generator, isPlain ? options.protocols : null);
    const report = await measure(options, chosen, io);
    await publish(report, options, io);
    return isRight(report) ? RIGHT : WRONG;
  } catch (thrown) {
    if (thrown instanceof EndedByParser) return thrown.exitCode;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    io.stderr.write(`sluice bench: ${why}\n`);
    return thrown instanceof UsageError ? USAGE : WRONG;
  }
}

function listScenarios(): string {
  const lines = ["scenarios:"];
  for (const { name, question, bar } of ALL_SCENARIOS) {
    lines.push(`  ${name}: ${question}`);
    if (bar !== null) lines.push(`    bar: ${bar}`);
  }
  lines.push("peers:");
  for (const { name, what, reason } of describePeers()) {
    lines.push(`  ${name}: ${what}${reason === null ? "" : ` (${reason})`}`);
  }
  return `${lines.join("\n")}\n`;
}

interface Chosen {
  readonly scenarios: readonly Scenario[];
  readonly peers: ChosenPeers;
}

/** @throws UsageError for a name that there is not */
function choose(options: BenchOptions): Chosen {
  try {
    return {
      scenarios: selectScenarios(ALL_SCENARIOS, options.scenarios),
      peers: choosePeers(describePeers(), options.peers),
    };
  } catch (thrown) {
    throw new UsageError(thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function measure(options: BenchOptions, chosen: Chosen, io: BenchIo): Promise<BenchReport> {
  // A server that was not started here runs on cores that we do not know.
  const startsServers = options.baseline !== null || chosen.scenarios.length > 0;
  const guard = createMachineGuard(...(options.quick ? [QUICK_PATIENCE_MS] : []));
  return withPinning(options.pins && startsServers, options.generatorThreads, async (pinned) => {
    const environment = describeEnvironment(new Date(), pinned);
    const cores = pinned.pinning.server;
    const isPlain = !startsServers;
    const results = isPlain ? await measureServer(options, io) : [];
    const comparisons =
      options.baseline === null ? [] : await compare(options, { cores, guard }, io);
    const reports = await answerScenarios(options, chosen, { pinned, guard }, io);
    return {
      schemaVersion: 3,
      environment,
      settings: settingsOf(options),
      results,
      comparisons,
      scenarios: reports,
      noise: guard.readings,
      warnings: collectWarnings(environment, results, comparisons, reports),
    };
  });
}

function answerScenarios(
  options: BenchOptions,
  { scenarios, peers }: Chosen,
  machine: { readonly pinned: PinningOutcome; readonly guard: MachineGuard },
  io: BenchIo,
): Promise<ScenarioReport[]> {
  const { quick, pairs, warmupMs, durationMs, timeoutMs, connections } = options;
  const { generatorThreads, generator } = options;
  const times = { quick, pairs, warmupMs, durationMs, timeoutMs };
  const load = { connections, generatorThreads, generator };
  return runScenarios(scenarios, {
    settings: { ...times, ...load, protocols: options.protocols, peers },
    pinning: machine.pinned.pinning,
    guard: machine.guard,
    log: (line) => io.stderr.write(`${line}\n`),
  });
}

/** All that shaped the figures, and no key. */
function settingsOf(options: BenchOptions): BenchReport["settings"] {
  const shapes = [...options.shapes].map(([name, dims]) => `${name}=${dims.join(",")}`);
  return {
    url: options.url,
    grpc: options.grpc,
    model: options.model,
    version: options.version,
    modelFile: options.modelFile,
    baseline: options.baseline,
    scenarios: listOf(options.scenarios),
    peers: listOf(options.peers),
    quick: options.quick,
    connections: options.connections,
    ratePerSec: options.ratePerSec,
    durationSecs: options.durationMs / 1000,
    warmupSecs: options.warmupMs / 1000,
    pairs: options.pairs,
    generatorThreads: options.generatorThreads,
    generator: options.generator,
    intraOpThreads: options.intraOpThreads,
    inputFile: options.inputFile,
    shapes: listOf(shapes),
    verify: options.verify,
  };
}

function listOf(names: readonly string[]): string | null {
  return names.length === 0 ? null : names.join(" ");
}

async function publish(report: BenchReport, options: BenchOptions, io: BenchIo): Promise<void> {
  const markdown = renderMarkdown(report);
  io.stdout.write(markdown);
  if (options.jsonFile !== null) await writeFile(options.jsonFile, renderJson(report));
  if (options.markdownFile !== null) await writeFile(options.markdownFile, markdown);
  if (options.htmlFile !== null) await writeFile(options.htmlFile, renderHtml(report));
}

function isRight(report: BenchReport): boolean {
  // A scenario may be about refusals; what it must not have, it throws for.
  const isFaultless = allResults({ ...report, scenarios: [] }).every(
    (result) => result.errorCount === 0 && result.unsent === 0 && result.requests > 0,
  );
  return (
    isFaultless &&
    report.comparisons.every((comparison) => comparison.throughputRatio.isResult) &&
    report.scenarios.every(isPassed)
  );
}

/** Too noisy to tell is no pass, but for a first look. */
function isPassed({ failure, figures }: ScenarioReport): boolean {
  return (
    failure === null && figures.every(({ verdict }) => verdict === "met" || verdict === "no-bar")
  );
}
