import { Command, Option } from "commander";
import type { GeneratorChoice } from "../generator.ts";
import {
  addGeneratorFlags,
  addInputFlags,
  type GeneratorFlags,
  type InputFlags,
} from "../load-flags.ts";
import { parseListOf, parsePositive, parsePositiveInteger } from "../option-parsers.ts";
import { type BenchIo, parseCommand, UsageError } from "../parse-command.ts";
import { TUNED_KEYS, type TunedKey } from "./tuned-settings.ts";

const TUNE_PROTOCOLS = ["http-json", "http-binary", "grpc"] as const;

/** `sluice tune`, understood and checked. */
export interface TuneOptions {
  /** `mlp`: the network that is built in. */
  readonly modelFile: string;
  readonly connections: number;
  /** null: no limit. */
  readonly p99LimitMs: number | null;
  readonly protocol: (typeof TUNE_PROTOCOLS)[number];
  readonly inputFile: string | null;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly verify: boolean;
  readonly warmupMs: number;
  readonly durationMs: number;
  readonly timeoutMs: number;
  readonly generatorThreads: number;
  readonly generator: GeneratorChoice;
  readonly pairs: number;
  readonly maxMs: number;
  /** Empty: all. */
  readonly only: readonly TunedKey[];
  /** server.yaml to write; null: print it. */
  readonly settingsFile: string | null;
  readonly jsonFile: string | null;
}

interface Flags extends InputFlags, GeneratorFlags {
  readonly modelFile: string;
  readonly connections: number;
  readonly p99Ms?: number;
  readonly protocol: TuneOptions["protocol"];
  readonly warmupSecs: number;
  readonly durationSecs: number;
  readonly pairs: number;
  readonly maxMinutes: number;
  readonly only: readonly TunedKey[];
  readonly write?: string;
  readonly json?: string;
}

const MORE = `
Starts one server with the settings so far and one with a single setting changed, measures them in
turn in the closed loop, and keeps a change only when it is clearly better, twice. The settings hold
for every model of a server: tune with the one that matters, and the requests that it gets.

Examples:
  sluice tune --model-file model.onnx --input requests.json --write server.yaml
  sluice tune --model-file model.onnx --shape x=1,20 --p99-ms 10 --protocol http-binary

Exit status: 0 when every comparison gave a result and the p99 is within its limit, 1 otherwise, 2
for a wrong call.
`;

/** @throws EndedByParser, UsageError */
export function parseTuneOptions(argv: readonly string[], io: BenchIo): TuneOptions {
  const flags = parseCommand<Flags>(describeTune(), argv, io);
  if (flags.pairs < 2) {
    throw new UsageError(`--pairs: expected 2 or more, for one pair shows no spread; came 1`);
  }
  return {
    modelFile: flags.modelFile,
    connections: flags.connections,
    p99LimitMs: flags.p99Ms ?? null,
    protocol: flags.protocol,
    inputFile: flags.input ?? null,
    shapes: flags.shape,
    verify: flags.verify,
    warmupMs: flags.warmupSecs * 1000,
    durationMs: flags.durationSecs * 1000,
    timeoutMs: flags.timeoutSecs * 1000,
    generatorThreads: flags.generatorThreads,
    generator: flags.generator,
    pairs: flags.pairs,
    maxMs: flags.maxMinutes * 60_000,
    only: flags.only,
    settingsFile: flags.write ?? null,
    jsonFile: flags.json ?? null,
  };
}

function describeTune(): Command {
  return addSearchFlags(addLoadFlags(new Command("sluice tune")))
    .description("measure a model on this machine and write the server's settings for it")
    .addHelpText("after", MORE);
}

function addLoadFlags(command: Command): Command {
  return addGeneratorFlags(addTimeFlags(addInputFlags(addModelFlags(command))));
}

function addModelFlags(command: Command): Command {
  return command
    .requiredOption("--model-file <file>", "ONNX model; mlp: a built-in 20-64-64-2 network")
    .option("--connections <n>", "connections of the closed loop", parsePositiveInteger, 32)
    .addOption(
      new Option("--protocol <name>", "of the load").choices(TUNE_PROTOCOLS).default("http-json"),
    );
}

function addTimeFlags(command: Command): Command {
  return command
    .option("--duration-secs <s>", "measured time of each run", parsePositive, 1.5)
    .option("--warmup-secs <s>", "time before it that does not count", parsePositive, 0.5);
}

function addSearchFlags(command: Command): Command {
  return command
    .option(
      "--p99-ms <n>",
      "most that the 99th percentile may take (default: no limit)",
      parsePositive,
    )
    .option("--pairs <n>", "pairs of runs in a comparison, 2 or more", parsePositiveInteger, 5)
    .option("--max-minutes <n>", "stop looking for more after this time", parsePositive, 10)
    .addOption(
      new Option("--only <list>", `settings to try, of ${TUNED_KEYS.join(",")}`)
        .argParser(parseListOf(TUNED_KEYS))
        .default([], "all"),
    )
    .option("--write <file>", "server.yaml to write or update; else the settings are printed")
    .option("--json <file>", "write all that was measured as JSON");
}
