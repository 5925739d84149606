import { writeFile } from "node:fs/promises";
import { compare } from "./compare.ts";
import { describeEnvironment } from "./environment.ts";
import { measureServer } from "./measure-server.ts";
import {
  type BenchIo,
  type BenchOptions,
  EndedByParser,
  parseOptions,
  UsageError,
} from "./options.ts";
import { allResults, type BenchReport, renderJson, renderMarkdown } from "./report.ts";
import { collectWarnings } from "./warnings.ts";

const RIGHT = 0;
const WRONG = 1;
const USAGE = 2;

/**
 * `sluice bench`: measures, writes a table to stdout and what else was asked for to files; progress
 * and complaints go to stderr.
 * @param argv what follows `sluice bench`
 * @returns the exit status that `--help` promises; never rejects
 */
export async function runBench(argv: readonly string[], io: BenchIo): Promise<number> {
  try {
    const options = parseOptions(argv, io);
    const report = await measure(options, io);
    await publish(report, options, io);
    return isRight(report) ? RIGHT : WRONG;
  } catch (thrown) {
    if (thrown instanceof EndedByParser) return thrown.exitCode;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    io.stderr.write(`sluice bench: ${why}\n`);
    return thrown instanceof UsageError ? USAGE : WRONG;
  }
}

async function measure(options: BenchOptions, io: BenchIo): Promise<BenchReport> {
  const environment = describeEnvironment(new Date());
  const results = options.baseline === null ? await measureServer(options, io) : [];
  const comparisons = options.baseline === null ? [] : await compare(options, io);
  return {
    schemaVersion: 1,
    environment,
    settings: settingsOf(options),
    results,
    comparisons,
    warnings: collectWarnings(environment, results, comparisons),
  };
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
    connections: options.connections,
    ratePerSec: options.ratePerSec,
    durationSecs: options.durationMs / 1000,
    warmupSecs: options.warmupMs / 1000,
    generatorThreads: options.generatorThreads,
    intraOpThreads: options.intraOpThreads,
    inputFile: options.inputFile,
    shapes: shapes.length === 0 ? null : shapes.join(" "),
    verify: options.verify,
  };
}

async function publish(report: BenchReport, options: BenchOptions, io: BenchIo): Promise<void> {
  const markdown = renderMarkdown(report);
  io.stdout.write(markdown);
  if (options.jsonFile !== null) await writeFile(options.jsonFile, renderJson(report));
  if (options.markdownFile !== null) await writeFile(options.markdownFile, markdown);
}

function isRight(report: BenchReport): boolean {
  const isFaultless = allResults(report).every(
    (result) => result.errorCount === 0 && result.unsent === 0 && result.requests > 0,
  );
  return isFaultless && report.comparisons.every((c) => c.throughputRatio.isResult);
}
