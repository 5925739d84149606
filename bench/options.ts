import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { BASELINES, type BaselineName } from "./baselines.ts";
import { PROTOCOLS, type Protocol } from "./load-plan.ts";

/** `sluice bench`, understood and checked. */
export interface BenchOptions {
  readonly url: string | null;
  readonly grpc: string | null;
  readonly model: string | null;
  readonly version: string | null;
  readonly protocols: readonly Protocol[];
  readonly connections: number;
  /** null: closed loop. */
  readonly ratePerSec: number | null;
  readonly durationMs: number;
  readonly warmupMs: number;
  readonly timeoutMs: number;
  readonly generatorThreads: number;
  readonly inputFile: string | null;
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  readonly verify: boolean;
  readonly apiKey: string | null;
  readonly jsonFile: string | null;
  readonly markdownFile: string | null;
  /** Set for a comparison; then the servers are started here and url, grpc and model are null. */
  readonly baseline: BaselineName | null;
  readonly modelFile: string | null;
  readonly pairs: number;
  /** null: each contender's own default. */
  readonly intraOpThreads: number | null;
}

/** What was asked cannot be run; the message says why. */
export class UsageError extends Error {}

/** Thrown when commander has already answered: help, or a complaint. */
export class EndedByParser extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("ended by the parser");
    this.exitCode = exitCode;
  }
}

export interface BenchIo {
  readonly stdout: { write(text: string): void };
  readonly stderr: { write(text: string): void };
}

/** @throws EndedByParser, UsageError */
export function parseOptions(argv: readonly string[], io: BenchIo): BenchOptions {
  const command = describeCommand(io);
  try {
    command.parse(argv, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    throw new EndedByParser(thrown.exitCode === 0 ? 0 : 2);
  }
  const flags: Flags = { ...ABSENT, ...command.opts<Partial<Flags> & Defaults>() };
  const options: BenchOptions = {
    url: flags.url,
    grpc: flags.grpc,
    model: flags.model,
    version: flags.version,
    protocols: flags.protocol,
    connections: flags.connections,
    ratePerSec: flags.rate,
    durationMs: flags.durationSecs * 1000,
    warmupMs: flags.warmupSecs * 1000,
    timeoutMs: flags.timeoutSecs * 1000,
    generatorThreads: flags.generatorThreads,
    inputFile: flags.input,
    shapes: flags.shape,
    verify: flags.verify,
    apiKey: flags.apiKey,
    jsonFile: flags.json,
    markdownFile: flags.markdown,
    baseline: flags.baseline,
    modelFile: flags.modelFile,
    pairs: flags.pairs,
    intraOpThreads: flags.intraOpThreads,
  };
  const problem = options.baseline === null ? explainLoad(options) : explainComparison(options);
  if (problem !== null) throw new UsageError(problem);
  return options;
}

/** Flags that commander fills in. */
interface Defaults {
  readonly protocol: readonly Protocol[];
  readonly connections: number;
  readonly durationSecs: number;
  readonly warmupSecs: number;
  readonly timeoutSecs: number;
  readonly generatorThreads: number;
  readonly shape: ReadonlyMap<string, readonly number[]>;
  readonly verify: boolean;
  readonly pairs: number;
}

interface Flags extends Defaults {
  readonly url: string | null;
  readonly grpc: string | null;
  readonly model: string | null;
  readonly version: string | null;
  readonly rate: number | null;
  readonly input: string | null;
  readonly apiKey: string | null;
  readonly json: string | null;
  readonly markdown: string | null;
  readonly baseline: BaselineName | null;
  readonly modelFile: string | null;
  readonly intraOpThreads: number | null;
}

const ABSENT: Omit<Flags, keyof Defaults> = {
  url: null,
  grpc: null,
  model: null,
  version: null,
  rate: null,
  input: null,
  apiKey: null,
  json: null,
  markdown: null,
  baseline: null,
  modelFile: null,
  intraOpThreads: null,
};

const EXAMPLES = `
Without --rate each connection sends its next request when its last was answered (closed loop).
With --rate requests start at a constant rate whatever the server does, and latency counts from
the intended start (open loop, corrected for coordinated omission).

Examples:
  sluice bench --url http://127.0.0.1:8000 --model iris
  sluice bench --url http://127.0.0.1:8000 --grpc 127.0.0.1:8001 --model iris \\
    --protocol http-json,http-binary,grpc,websocket --rate 2000 --json result.json
  sluice bench --model-file mlp --baseline fastify

Exit status: 0 when every answer was right and a comparison gave a result, 1 otherwise, 2 for a
wrong call.
`;

function describeCommand(io: BenchIo): Command {
  return addComparisonOptions(addLoadOptions(new Command("sluice bench")))
    .description("measure any Open Inference Protocol v2 server, or Sluice against a baseline")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
    });
}

function addLoadOptions(command: Command): Command {
  return command
    .option("--url <url>", "server's HTTP address, http(s)://host:port; HTTP and WebSocket")
    .option("--grpc <target>", "server's gRPC address, host:port")
    .option("--model <name>", "model to ask")
    .option("--version <version>", "its version or alias (default: the server's choice)")
    .addOption(
      new Option("--protocol <list>", `of ${PROTOCOLS.join(",")}`)
        .argParser(parseProtocols)
        .default(["http-json"], "http-json"),
    )
    .option("--connections <n>", "connections", positiveInteger, 8)
    .option("--rate <n>", "requests per second, all connections together", positive)
    .option("--duration-secs <s>", "measured time of each run", positive, 10)
    .option("--warmup-secs <s>", "time before it that does not count", notNegative, 2)
    .option("--timeout-secs <s>", "longest wait for one answer", positive, 30)
    .option("--generator-threads <n>", "threads that make the load", positiveInteger, 1)
    .option("--input <file>", "JSON file: one inference request, or an array of them")
    .addOption(
      new Option("--shape <input=dims>", "x=1,4; repeatable; for open dimensions")
        .argParser(addShape)
        .default(new Map(), "1 each"),
    )
    .option("--no-verify", "do not compare answers to the same input (models random by design)")
    .option("--api-key <key>", "sent as authorization: Bearer")
    .option("--json <file>", "write the result as JSON")
    .option("--markdown <file>", "write the result as Markdown");
}

function addComparisonOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--baseline <name>", "start Sluice and this, and measure them in turn").choices(
        BASELINES,
      ),
    )
    .option("--model-file <file>", "ONNX model to compare with; mlp: a built-in 20-64-64-2 network")
    .option("--pairs <n>", "pairs of runs in a comparison", positiveInteger, 5)
    .option(
      "--intra-op-threads <n>",
      "threads inside one model run, all contenders",
      positiveInteger,
    );
}

function explainLoad(options: BenchOptions): string | null {
  if (options.modelFile !== null) return "--model-file is for comparisons; add --baseline";
  if (options.model === null) return "say which model: --model NAME";
  const needsUrl = options.protocols.find((protocol) => protocol !== "grpc");
  if (needsUrl !== undefined && options.url === null) return `${needsUrl} needs --url`;
  if (options.protocols.includes("grpc") && options.grpc === null) return "grpc needs --grpc";
  if (options.url !== null && !/^https?:\/\/[^/]/i.test(options.url)) {
    return `--url: expected http://host:port or https://host:port, got '${options.url}'`;
  }
  return null;
}

function explainComparison(options: BenchOptions): string | null {
  if (options.modelFile === null) return "--baseline needs --model-file FILE (or mlp)";
  const foreign = (["url", "grpc", "model", "version", "apiKey"] as const).find(
    (key) => options[key] !== null,
  );
  if (foreign !== undefined) {
    return `--baseline starts both servers itself; leave out --${foreign === "apiKey" ? "api-key" : foreign}`;
  }
  if (options.ratePerSec !== null) {
    return "--baseline compares what each can do in the closed loop; leave out --rate";
  }
  return null;
}

function parseProtocols(text: string): Protocol[] {
  const names = text.split(",").map((name) => name.trim());
  for (const name of names) {
    if (!PROTOCOLS.some((known) => known === name)) {
      throw new InvalidArgumentError(`expected a list of ${PROTOCOLS.join(",")}, got '${name}'.`);
    }
  }
  return PROTOCOLS.filter((known) => names.includes(known));
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError("expected a whole number above 0.");
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("expected a number above 0.");
}

function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("expected a number, 0 or above.");
}

function addShape(
  text: string,
  before: ReadonlyMap<string, readonly number[]>,
): ReadonlyMap<string, readonly number[]> {
  const match = /^(.+)=(\d+(?:,\d+)*)?$/.exec(text);
  const name = match?.[1];
  if (name === undefined) throw new InvalidArgumentError("expected input=dim,dim; e.g. x=1,4.");
  const dims = match?.[2] === undefined ? [] : match[2].split(",").map(Number);
  return new Map(before).set(name, dims);
}
