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
  readonly htmlFile: string | null;
  /** First process of the server at `url`, when it runs here. */
  readonly pid: number | null;
  /** Slices of the timeline in the results; null: none. */
  readonly sliceMs: number | null;
  /** Generator and started servers on cores of their own. */
  readonly pins: boolean;
  /** Names, or `all`; empty: this is not about scenarios. */
  readonly scenarios: readonly string[];
  readonly listsScenarios: boolean;
  readonly quick: boolean;
  /** Peers that scenarios measure too: names, or `all`. */
  readonly peers: readonly string[];
  /** null: this is not about setting up; empty: all that can be. */
  readonly peersToSetUp: readonly string[] | null;
}

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
  const options = understand(flags);
  const problem = explain(options);
  if (problem !== null) throw new UsageError(problem);
  return options;
}

function understand(flags: Flags): BenchOptions {
  const usual = usualOf(flags);
  return {
    url: flags.url,
    grpc: flags.grpc,
    model: flags.model,
    version: flags.version,
    protocols: flags.protocol ?? usual.protocols,
    connections: flags.connections ?? usual.connections,
    ratePerSec: flags.rate,
    durationMs: millis(flags.durationSecs) ?? usual.durationMs,
    warmupMs: millis(flags.warmupSecs) ?? usual.warmupMs,
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
    pairs: flags.pairs ?? usual.pairs,
    intraOpThreads: flags.intraOpThreads,
    htmlFile: flags.html,
    pid: flags.pid,
    sliceMs: flags.sliceMs,
    pins: flags.pin,
    scenarios: flags.scenario,
    listsScenarios: flags.listScenarios,
    quick: flags.quick,
    peers: flags.peers,
    peersToSetUp: flags.setUpPeers === null ? null : peersNamed(flags.setUpPeers),
  };
}

function usualOf(flags: Flags): Usual {
  if (flags.quick) return QUICK_USUAL;
  return flags.scenario.length > 0 ? SCENARIO_USUAL : LOAD_USUAL;
}

/** Flags that commander fills in. */
interface Defaults {
  readonly timeoutSecs: number;
  readonly generatorThreads: number;
  readonly shape: ReadonlyMap<string, readonly number[]>;
  readonly verify: boolean;
  readonly pin: boolean;
  readonly scenario: readonly string[];
  readonly listScenarios: boolean;
  readonly quick: boolean;
  readonly peers: readonly string[];
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
  readonly connections: number | null;
  readonly durationSecs: number | null;
  readonly warmupSecs: number | null;
  readonly pairs: number | null;
  readonly html: string | null;
  readonly pid: number | null;
  readonly sliceMs: number | null;
  readonly setUpPeers: readonly string[] | null;
  readonly protocol: readonly Protocol[] | null;
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
  connections: null,
  durationSecs: null,
  warmupSecs: null,
  pairs: null,
  html: null,
  pid: null,
  sliceMs: null,
  setUpPeers: null,
  protocol: null,
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
  sluice bench --list-scenarios
  sluice bench --scenario throughput,overhead --html report.html

Exit status: 0 when every answer was right, a comparison gave a result and no bar was missed, 1
otherwise, 2 for a wrong call.
`;

function describeCommand(io: BenchIo): Command {
  return addScenarioOptions(addComparisonOptions(addLoadOptions(new Command("sluice bench"))))
    .description("measure any Open Inference Protocol v2 server, or Sluice against others")
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
      new Option(
        "--protocol <list>",
        `of ${PROTOCOLS.join(",")} (default: http-json; scenarios all)`,
      ).argParser(parseProtocols),
    )
    .option("--connections <n>", "connections (default: 8; scenarios 32)", positiveInteger)
    .option("--rate <n>", "requests per second, all connections together", positive)
    .option("--duration-secs <s>", "measured time of each run (default: 10; scenarios 4)", positive)
    .option("--warmup-secs <s>", "time before it that does not count (default: 2; 1)", notNegative)
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
    .option("--markdown <file>", "write the result as Markdown")
    .option("--html <file>", "write the result as one page with plots")
    .option("--slice-ms <n>", "keep a timeline in slices of this length", positive)
    .option("--pid <n>", "process of the server, to measure its CPU and memory", positiveInteger)
    .option("--no-pin", "leave it to the kernel which core runs what");
}

function addScenarioOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--scenario <list>", "names, or all; starts all servers itself")
        .argParser(parseNames)
        .default([], "none"),
    )
    .option("--list-scenarios", "say what there is, peers too, and end", false)
    .option("--quick", "everything once and briefly: to see that it runs, not for figures", false)
    .addOption(
      new Option("--peers <list>", "names of bench/peers, or all; measured in scenarios too")
        .argParser(parseNames)
        .default([], "none"),
    )
    .addOption(
      new Option(
        "--set-up-peers <list>",
        "install these (or all) into environments of their own, and end",
      ).argParser(parseNames),
    );
}

function addComparisonOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--baseline <name>", "start Sluice and this, and measure them in turn").choices(
        BASELINES,
      ),
    )
    .option("--model-file <file>", "ONNX model to compare with; mlp: a built-in 20-64-64-2 network")
    .option("--pairs <n>", "pairs of runs in a comparison (default: 5)", positiveInteger)
    .option(
      "--intra-op-threads <n>",
      "threads inside one model run, all contenders",
      positiveInteger,
    );
}

function explain(options: BenchOptions): string | null {
  if (options.listsScenarios || options.peersToSetUp !== null) return null;
  if (options.scenarios.length > 0) return explainScenarios(options);
  if (options.peers.length > 0) return "--peers is for scenarios; add --scenario";
  return options.baseline === null ? explainLoad(options) : explainComparison(options);
}

function explainScenarios(options: BenchOptions): string | null {
  const foreign = (["url", "grpc", "model", "modelFile", "baseline", "ratePerSec"] as const).find(
    (key) => options[key] !== null,
  );
  return foreign === undefined
    ? null
    : `--scenario starts its own servers on its own models; leave out ${flagOf(foreign)}`;
}

/** `modelFile` as `--model-file`. */
function flagOf(key: string): string {
  if (key === "ratePerSec") return "--rate";
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
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
  const foreign = (["url", "grpc", "model", "version", "apiKey", "pid"] as const).find(
    (key) => options[key] !== null,
  );
  if (foreign !== undefined) {
    return `--baseline starts both servers itself; leave out ${flagOf(foreign)}`;
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

function peersNamed(names: readonly string[]): readonly string[] {
  return names.includes("all") ? [] : names;
}

function parseNames(text: string): string[] {
  return [...new Set(text.split(",").map((name) => name.trim()))].filter((name) => name !== "");
}

function millis(seconds: number | null): number | null {
  return seconds === null ? null : seconds * 1000;
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
