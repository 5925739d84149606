#!/usr/bin/env node
// The process edge: environment, arguments, exit code. What a command does is imported only when it
// is asked for, so that `sluice --help` is quick.

import { CommanderError } from "commander";
import type { Io } from "./commands/io.ts";
import { createPause } from "./commands/pause.ts";
import { buildProgram, type Rooms } from "./commands/program.ts";
import { catchStopSignals } from "./lib/stop-signals.ts";

// Before anything loads ONNX Runtime, here or (as a copy of the environment) in workers and children.
process.env["ORT_DISABLE_TELEMETRY"] = "1";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
/** By name, so that their modules need not be loaded to know them. */
const USAGE_ERRORS: ReadonlySet<string> = new Set(["UsageError", "ConfigError", "KeyFileError"]);

const io: Io = {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
};
const pause = createPause(process.env["SLUICE_TEST_PAUSE"], io.stderr);

const rooms: Rooms = {
  async serve(inputs) {
    const stopSignals = catchStopSignals();
    const { loadConfig } = await import("./config/load.ts");
    const { runServe } = await import("./serve.ts");
    const { config, secrets } = loadConfig(inputs);
    return runServe(config, secrets, { stdout: io.stdout, stopSignals, pause });
  },
  async publish(request, inputs) {
    const { loadPlaces } = await import("./config/load.ts");
    const { readSecrets } = await import("./config/secrets.ts");
    const { runPublish } = await import("../pipelines/publish/command.ts");
    return runPublish(request, loadPlaces(inputs), readSecrets(inputs.env).azure, io, pause);
  },
  async rollback(model, inputs) {
    const { loadPlaces } = await import("./config/load.ts");
    const { readSecrets } = await import("./config/secrets.ts");
    const { runRollback } = await import("../pipelines/publish/command.ts");
    return runRollback(model, loadPlaces(inputs), readSecrets(inputs.env).azure, io);
  },
  async remove(model, inputs) {
    const { loadPlaces } = await import("./config/load.ts");
    const { readSecrets } = await import("./config/secrets.ts");
    const { runRemove } = await import("../pipelines/publish/command.ts");
    return runRemove(model, loadPlaces(inputs), readSecrets(inputs.env).azure, io);
  },
  async infer(args) {
    const { runInfer } = await import("./commands/infer.ts");
    return runInfer(args, { ...io, stdin: process.stdin });
  },
  async bench(argv) {
    const { runBench } = await import("../bench/command.ts");
    return runBench([...argv], io);
  },
  async demo() {
    const { runDemo } = await import("../pipelines/demo/command.ts");
    return runDemo(io);
  },
};

async function main(): Promise<void> {
  // A reader that went away (`sluice keys list | head -1`) is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
  const program = buildProgram(io, rooms, (exitCode) => {
    process.exitCode = exitCode;
  });
  try {
    await program.parseAsync(process.argv);
  } catch (thrown) {
    process.exitCode = report(thrown);
  }
}

/** Says in one line what went wrong; returns the exit code. */
function report(thrown: unknown): number {
  // Commander has said it already; its exit code is 0 for --help.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : EXIT_USAGE;
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  io.stderr.write(`sluice: ${error.message.replaceAll(/\s*\n\s*/g, " ")}\n`);
  if (isDebugging()) io.stderr.write(`${error.stack ?? "no stack"}\n`);
  return USAGE_ERRORS.has(error.name) ? EXIT_USAGE : EXIT_FAILURE;
}

function isDebugging(): boolean {
  const at = process.argv.indexOf("--log-level");
  const flag = process.argv.find((each) => each.startsWith("--log-level="))?.split("=")[1];
  const level = flag ?? (at < 0 ? process.env["SLUICE_LOG_LEVEL"] : process.argv[at + 1]);
  return level === "debug" || level === "trace";
}

await main();
