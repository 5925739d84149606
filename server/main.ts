#!/usr/bin/env node
// The process edge: environment, arguments, exit code. What a command does is imported only when it
// is asked for, so that `sluice --help` is quick.

import { resolve } from "node:path";
import { CommanderError } from "commander";
import { type Io, UsageError } from "./commands/io.ts";
import { createPause } from "./commands/pause.ts";
import { buildProgram, type Rooms } from "./commands/program.ts";
import type { ConfigInputs } from "./config/load.ts";
import { catchStopSignals } from "./lib/stop-signals.ts";

// Before anything loads ONNX Runtime, here or (as a copy of the environment) in workers and children.
process.env["ORT_DISABLE_TELEMETRY"] = "1";

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
/** By name, so that their modules need not be loaded to know them. */
const USAGE_ERRORS: ReadonlySet<string> = new Set([
  "UsageError",
  "ConfigError",
  "KeyFileError",
  "CommandError",
  "ProjectError",
  "TrackingError",
]);

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
    return runServe(loadConfig(inputs), { stdout: io.stdout, stopSignals, pause });
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
  async tune(argv) {
    const { runTune } = await import("../bench/tune-command.ts");
    return runTune(argv, io);
  },
  async demo() {
    const { runDemo } = await import("../pipelines/demo/command.ts");
    return runDemo(io);
  },
  async validateProject(inputs, stdout) {
    const { loadConfig, loadPipelinesConfig } = await import("./config/load.ts");
    const { validateProject } = await import("../pipelines/commands/validate-project.ts");
    const { projectFile, trainerCommands, home } = loadPipelinesConfig(inputs);
    const isRequired = loadConfig(inputs).origins.get("projectFile") !== "default";
    const args = { projectFile, trainerCommands, isRequired, home };
    await validateProject(args, { ...io, stdout });
  },
  async plan(isJson, inputs) {
    const { loadPipelinesConfig } = await import("./config/load.ts");
    const { planCommand } = await import("../pipelines/commands/plan.ts");
    return planCommand(loadPipelinesConfig(inputs), isJson, io);
  },
  async run(subject, inputs) {
    const stopSignals = catchStopSignals();
    const { loadPipelinesConfig } = await import("./config/load.ts");
    const { runCommand } = await import("../pipelines/commands/run.ts");
    const args = { subject, signal: stopSignals.first, pause };
    return runCommand(loadPipelinesConfig(inputs), args, io);
  },
  async pipelines(inputs) {
    const stopSignals = catchStopSignals();
    const { loadPipelinesConfig } = await import("./config/load.ts");
    const { openPipelinesAccess } = await import("./pipelines-gatekeeper.ts");
    const { runPipelines } = await import("../pipelines/loop/run-pipelines.ts");
    const config = loadPipelinesConfig(inputs);
    const access = await openPipelinesAccess(config);
    try {
      const { gatekeeper } = access;
      return await runPipelines(config, { io, env: io.env, gatekeeper, stopSignals, pause });
    } finally {
      await access.close();
    }
  },
  async up(inputs) {
    const stopSignals = catchStopSignals();
    const { loadConfig, loadPipelinesConfig } = await import("./config/load.ts");
    const { upChildren } = await import("./commands/up-children.ts");
    const { runUp } = await import("../pipelines/commands/up.ts");
    // What is wrong is said once, here, and not by each child again.
    const { config } = loadConfig(inputs);
    loadPipelinesConfig(inputs);
    const children = upChildren(inputs, config);
    const sharesTerminal = process.stdin.isTTY;
    return runUp({ children, stopSignals, sharesTerminal, restartDelayMs: 1000 }, io);
  },
  async job(kind, folder) {
    const { JOB_KINDS } = await import("../pipelines/jobs/job.ts");
    const { runJob } = await import("../pipelines/jobs/run-job.ts");
    const known = JOB_KINDS.find((each) => each === kind);
    if (known === undefined) {
      throw new UsageError(`expected a job of ${JOB_KINDS.join(", ")}, came '${kind}'`);
    }
    return runJob(known, resolve(io.cwd, folder), io, pause);
  },
  async listRuns(filter, inputs) {
    const { listRunsCommand } = await import("../pipelines/commands/runs.ts");
    return listRunsCommand({ ...filter, home: await homeOf(inputs) }, io);
  },
  async showRun(id, isJson, inputs) {
    const { showRunCommand } = await import("../pipelines/commands/runs.ts");
    return showRunCommand({ id, isJson, home: await homeOf(inputs) }, io);
  },
  async compareRuns(ids, isJson, inputs) {
    const { compareRunsCommand } = await import("../pipelines/commands/runs.ts");
    return compareRunsCommand({ ids, isJson, home: await homeOf(inputs) }, io);
  },
  async explain(text, isJson, inputs) {
    const { explainCommand } = await import("../pipelines/commands/explain.ts");
    return explainCommand({ text, isJson, home: await homeOf(inputs) }, io);
  },
  async explainModel(args) {
    const { runExplainModel } = await import("./commands/explain-model.ts");
    return runExplainModel(args, io.stdout);
  },
  async lineage(subject, format, inputs) {
    const { lineageCommand } = await import("../pipelines/commands/lineage.ts");
    return lineageCommand({ subject, format, home: await homeOf(inputs) }, io);
  },
  async overview(isJson, inputs) {
    const { overviewCommand } = await import("../pipelines/commands/overview.ts");
    return overviewCommand({ isJson, home: await homeOf(inputs) }, io);
  },
  async events(options, inputs) {
    const { first: signal } = catchStopSignals();
    const { eventsCommand } = await import("../pipelines/commands/events.ts");
    return eventsCommand({ ...options, signal, home: await homeOf(inputs) }, io);
  },
  async verifyEvents(inputs) {
    const { verifyEventsCommand } = await import("../pipelines/commands/events.ts");
    return verifyEventsCommand(await homeOf(inputs), io);
  },
};

async function homeOf(inputs: ConfigInputs): Promise<string> {
  const { loadPlaces } = await import("./config/load.ts");
  return loadPlaces(inputs).home;
}

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
  for (const text of [error.message, ...othersOf(error)]) {
    io.stderr.write(`sluice: ${text.replaceAll(/\s*\n\s*/g, " ")}\n`);
  }
  if (isDebugging()) io.stderr.write(`${error.stack ?? "no stack"}\n`);
  return USAGE_ERRORS.has(error.name) ? EXIT_USAGE : EXIT_FAILURE;
}

/** A project file is told everything that is wrong with it at once, one line each. */
function othersOf(error: Error): readonly string[] {
  const others = "others" in error ? error.others : [];
  return Array.isArray(others) ? others.map(String) : [];
}

function isDebugging(): boolean {
  const at = process.argv.indexOf("--log-level");
  const flag = process.argv.find((each) => each.startsWith("--log-level="))?.split("=")[1];
  const level = flag ?? (at < 0 ? process.env["SLUICE_LOG_LEVEL"] : process.argv[at + 1]);
  return level === "debug" || level === "trace";
}

await main();
