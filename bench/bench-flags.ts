import { Command, Option } from "commander";
import { BASELINES, type BaselineName } from "./baselines.ts";
import {
  addGeneratorFlags,
  addInputFlags,
  type GeneratorFlags,
  type InputFlags,
} from "./load-flags.ts";
import { PROTOCOLS, type Protocol } from "./load-plan.ts";
import {
  parseListOf,
  parseNames,
  parseNotNegative,
  parsePositive,
  parsePositiveInteger,
} from "./option-parsers.ts";

/** As commander gives them. */
export interface BenchFlags extends InputFlags, GeneratorFlags {
  readonly url?: string;
  readonly grpc?: string;
  readonly model?: string;
  readonly version?: string;
  readonly protocol?: readonly Protocol[];
  readonly connections?: number;
  readonly rate?: number;
  readonly durationSecs?: number;
  readonly warmupSecs?: number;
  readonly apiKey?: string;
  readonly json?: string;
  readonly markdown?: string;
  readonly html?: string;
  readonly sliceMs?: number;
  readonly pid?: number;
  readonly pin: boolean;
  readonly baseline?: BaselineName;
  readonly modelFile?: string;
  readonly pairs?: number;
  readonly intraOpThreads?: number;
  readonly scenario: readonly string[];
  readonly listScenarios: boolean;
  readonly quick: boolean;
  readonly peers: readonly string[];
  readonly setUpPeers?: readonly string[];
}

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

/** The command line of `sluice bench`. */
export function describeBench(): Command {
  return addScenarioFlags(addComparisonFlags(addLoadFlags(new Command("sluice bench"))))
    .description("measure any Open Inference Protocol v2 server, or Sluice against others")
    .addHelpText("after", EXAMPLES);
}

function addLoadFlags(command: Command): Command {
  return addOutputFlags(addInputFlags(addGeneratorFlags(addServerFlags(command))));
}

function addServerFlags(command: Command): Command {
  return command
    .option("--url <url>", "server's HTTP address, http(s)://host:port; HTTP and WebSocket")
    .option("--grpc <target>", "server's gRPC address, host:port")
    .option("--model <name>", "model to ask")
    .option("--version <version>", "its version or alias (default: the server's choice)")
    .addOption(
      new Option(
        "--protocol <list>",
        `of ${PROTOCOLS.join(",")} (default: http-json; scenarios all)`,
      ).argParser(parseListOf(PROTOCOLS)),
    )
    .option("--connections <n>", "connections (default: 8; scenarios 32)", parsePositiveInteger)
    .option("--rate <n>", "requests per second, all connections together", parsePositive)
    .option(
      "--duration-secs <s>",
      "measured time of each run (default: 10; scenarios 4)",
      parsePositive,
    )
    .option(
      "--warmup-secs <s>",
      "time before it that does not count (default: 2; 1)",
      parseNotNegative,
    );
}

function addOutputFlags(command: Command): Command {
  return command
    .option("--api-key <key>", "sent as authorization: Bearer")
    .option("--json <file>", "write the result as JSON")
    .option("--markdown <file>", "write the result as Markdown")
    .option("--html <file>", "write the result as one page with plots")
    .option("--slice-ms <n>", "keep a timeline in slices of this length", parsePositive)
    .option(
      "--pid <n>",
      "process of the server, to measure its CPU and memory",
      parsePositiveInteger,
    )
    .option("--no-pin", "leave it to the kernel which core runs what");
}

function addScenarioFlags(command: Command): Command {
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
function addComparisonFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--baseline <name>", "start Sluice and this, and measure them in turn").choices(
        BASELINES,
      ),
    )
    .option("--model-file <file>", "ONNX model to compare with; mlp: a built-in 20-64-64-2 network")
    .option("--pairs <n>", "pairs of runs in a comparison (default: 5)", parsePositiveInteger)
    .option(
      "--intra-op-threads <n>",
      "threads inside one model run, all contenders",
      parsePositiveInteger,
    );
}
