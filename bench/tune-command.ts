import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import { inspectModel } from "../protocols/onnx/inspect-model.ts";
import { prepareGenerator } from "./choose-generator.ts";
import { bestDirectBinding } from "./contender.ts";
import { describeEnvironment, type Environment } from "./environment.ts";
import type { GeneratorKind } from "./generator.ts";
import { createInputPool } from "./input-pool.ts";
import { createMachineGuard, type MachineGuard } from "./machine/machine-guard.ts";
import { NOT_PINNED } from "./machine/pinning.ts";
import type { Workload } from "./measure-server.ts";
import { mlpModel } from "./mlp-model.ts";
import { type BenchIo, EndedByParser, UsageError } from "./parse-command.ts";
import { readInputs } from "./read-inputs.ts";
import { type AxisPlan, planAxes } from "./tune/axis.ts";
import { conclude, isRight } from "./tune/conclusion.ts";
import { readStart } from "./tune/read-start.ts";
import { type SearchResult, searchSettings } from "./tune/search.ts";
import { applySettings, keysOf } from "./tune/settings-file.ts";
import { TuneLab } from "./tune/tune-lab.ts";
import { parseTuneOptions, type TuneOptions } from "./tune/tune-options.ts";
import {
  renderComment,
  renderTuneJson,
  renderTuneMarkdown,
  type TuneLoad,
  type TuneReport,
} from "./tune/tune-report.ts";
import { TUNED_KEYS, type TunedSettings } from "./tune/tuned-settings.ts";
import { withFolder } from "./with-folder.ts";

const RIGHT = 0;
const WRONG = 1;
const USAGE = 2;

/** Longest wait for a quiet machine: waiting longer than a pair takes would be most of the time. */
const MAX_PATIENCE_MS = 10_000;
/** A closed loop whose generator is this busy may measure the generator. */
const BUSY_GENERATOR = 0.9;

/**
 * `sluice tune`: measures a model with one combination of settings after another; a table and the
 * settings go to stdout, progress and complaints to stderr.
 * @param argv what follows `sluice tune`
 * @returns the exit status that `--help` promises; never rejects
 */
export async function runTune(argv: readonly string[], io: BenchIo): Promise<number> {
  try {
    const options = parseTuneOptions(argv, io);
    // Before the minutes that measuring takes.
    const settingsText = await readSettings(options.settingsFile);
    const report = await measure(options, settingsText, io);
    await publish(report, options, settingsText, io);
    return isRight(report.result, report.conclusion) ? RIGHT : WRONG;
  } catch (thrown) {
    if (thrown instanceof EndedByParser) return thrown.exitCode;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    io.stderr.write(`sluice tune: ${why}\n`);
    return thrown instanceof UsageError ? USAGE : WRONG;
  }
}

/** @throws UsageError for a file that cannot take settings */
async function readSettings(file: string | null): Promise<string> {
  if (file === null) return "";
  try {
    const text = await readFile(file, "utf8").catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code === "ENOENT") return "";
      throw thrown;
    });
    keysOf(text);
    return text;
  } catch (thrown) {
    throw new UsageError(`--write ${file}: ${thrown instanceof Error ? thrown.message : thrown}`);
  }
}

function measure(options: TuneOptions, settingsText: string, io: BenchIo): Promise<TuneReport> {
  return withFolder("sluice-tune-", async (folder) => {
    const modelFile = await placeModel(options.modelFile, folder);
    const bytes = await readFile(modelFile);
    const workload = await makeWorkload(bytes, options);
    const start = await readDefaults(folder);
    const isNative = bestDirectBinding() === "addon";
    const plan = planFor(options, workload, start, isNative);
    const guard = createMachineGuard(
      Math.min(MAX_PATIENCE_MS, 2 * (options.warmupMs + options.durationMs)),
    );
    const environment = describeEnvironment(new Date(), {
      pinning: NOT_PINNED,
      reason: "the settings are about all cores",
    });
    await prepareGenerator(options.generator, [options.protocol]);
    const room = { options, modelFile, workload, folder, guard };
    const { result, warnings, generator } = await search(room, plan, start, io);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const conclusion = conclude(result, plan.axes, options.p99LimitMs);
    return {
      environment,
      model: { file: basename(options.modelFile), sha256, bytes: bytes.length },
      load: { ...loadOf(options, workload), generator },
      engine: isNative ? "native" : "portable",
      result,
      conclusion,
      skipped: plan.skipped,
      noise: guard.readings,
      warnings: [
        ...warnBusyMachine(environment),
        ...warnings,
        ...warnOtherSettings(settingsText, [...conclusion.settled.keys()]),
      ],
    };
  });
}

interface Room {
  readonly options: TuneOptions;
  readonly modelFile: string;
  readonly workload: Workload;
  readonly folder: string;
  readonly guard: MachineGuard;
}

async function search(
  room: Room,
  { axes }: AxisPlan,
  start: TunedSettings,
  io: BenchIo,
): Promise<{
  readonly result: SearchResult;
  readonly warnings: readonly string[];
  readonly generator: GeneratorKind | null;
}> {
  const { p99LimitMs, maxMs } = room.options;
  const log = (line: string) => io.stderr.write(`${line}\n`);
  const lab = new TuneLab({ ...room, deadlineMs: performance.now() + maxMs, log });
  try {
    const cores = availableParallelism();
    const result = await searchSettings({ axes, start, cores, p99LimitMs }, lab);
    const { generator, generatorReason, generatorUtilization } = lab;
    const warnings = [
      ...warnScriptGenerator(generatorReason),
      ...warnBusyGenerator(generatorUtilization),
    ];
    return { result, warnings, generator };
  } finally {
    await lab.close();
  }
}

async function placeModel(modelFile: string, folder: string): Promise<string> {
  if (modelFile !== "mlp") return resolve(modelFile);
  const path = join(folder, "mlp.onnx");
  await writeFile(path, mlpModel());
  return path;
}

async function makeWorkload(bytes: Uint8Array, options: TuneOptions): Promise<Workload> {
  const { signature } = inspectModel(bytes);
  const description = { name: "tuned", versions: [], platform: "onnx", ...signature };
  const { inputFile, shapes } = options;
  const inputs =
    inputFile === null ? createInputPool(description, shapes) : await readInputs(inputFile);
  return { description, inputs };
}

async function readDefaults(folder: string): Promise<TunedSettings> {
  const home = join(folder, "defaults");
  await mkdir(home);
  return readStart(home);
}

function planFor(
  options: TuneOptions,
  workload: Workload,
  start: TunedSettings,
  isNative: boolean,
): AxisPlan {
  const facts = {
    start,
    cores: availableParallelism(),
    rowsInFlight: options.connections * rowsOf(workload),
    canBatch: workload.description.inputs.every(({ shape }) => shape[0] === -1),
    isNative,
    isGrpc: options.protocol === "grpc",
    only: options.only,
  };
  return planAxes(facts, TUNED_KEYS);
}

function rowsOf({ inputs }: Workload): number {
  return Math.max(1, ...inputs.map((request) => request.inputs[0]?.shape[0] ?? 1));
}

function loadOf(options: TuneOptions, workload: Workload): Omit<TuneLoad, "generator"> {
  const { protocol, connections, inputFile, pairs, p99LimitMs } = options;
  const shapes = [...options.shapes].map(([name, dims]) => `${name}=${dims.join(",")}`);
  return {
    ...{ protocol, connections, inputFile, pairs, p99LimitMs },
    rows: rowsOf(workload),
    shapes: shapes.length === 0 ? null : shapes.join(" "),
    durationSecs: options.durationMs / 1000,
    warmupSecs: options.warmupMs / 1000,
  };
}

function warnBusyMachine({ loadAverage, cores }: Environment): string[] {
  return loadAverage > cores / 2
    ? [`the machine was busy before the run: load ${loadAverage.toFixed(1)} on ${cores} cores`]
    : [];
}

function warnScriptGenerator(reason: string | null): string[] {
  return reason === null ? [] : [`the native generator was not to be had (${reason})`];
}

function warnBusyGenerator(utilization: number): string[] {
  return utilization > BUSY_GENERATOR
    ? [
        `the load generator was up to ${Math.round(utilization * 100)} % busy and may be the limit; try --generator-threads`,
      ]
    : [];
}

/** What the file sets beside was not there when we measured. */
function warnOtherSettings(settingsText: string, written: readonly string[]): string[] {
  const others = keysOf(settingsText).filter(
    (key) =>
      !written.includes(key) && (key === "engine" || TUNED_KEYS.some((tuned) => tuned === key)),
  );
  return others.map((key) => `the file sets ${key}, which was at its default in all of this`);
}

async function publish(
  report: TuneReport,
  options: TuneOptions,
  settingsText: string,
  io: BenchIo,
): Promise<void> {
  io.stdout.write(renderTuneMarkdown(report));
  if (options.jsonFile !== null) await writeFile(options.jsonFile, renderTuneJson(report));
  const { settled, isWithinLimit } = report.conclusion;
  if (settled.size === 0) {
    const why = isWithinLimit === false ? "none keeps the limit of p99" : "nothing could be told";
    io.stdout.write(`\nno settings: ${why}\n`);
    return;
  }
  const text = applySettings(settingsText, settled, renderComment(report));
  if (options.settingsFile === null) {
    io.stdout.write(`\n${text}`);
    return;
  }
  await writeFile(options.settingsFile, text);
  io.stdout.write(`\nwrote ${[...settled.keys()].join(", ")} to ${options.settingsFile}\n`);
}
