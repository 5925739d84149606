import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { explainIncompatibility } from "../../protocols/core/signature.ts";
import { ModelFormatError } from "../../protocols/onnx/model-format-error.ts";
import { parseManifest } from "../../protocols/repository/documents.ts";
import type { JobContext, JobWork } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import type { VetResult, VetSpec } from "./compile-spec.ts";
import { readSignature } from "./read-signature.ts";

const MAIN = fileURLToPath(new URL("../../server/main.js", import.meta.url));

/** Above any vetTimeoutMs that makes sense: the vetter keeps its own, this one is for its defects. */
const TIMEOUT_MS = 600_000;
/** For the vetter's own process; the model runs in its child, under vetMaxRssBytes. */
const MAX_HEAP_MIB = 512;
const MAX_OUTPUT_CHARS = 64 * 1024;
const EXIT_USAGE = 2;

/** All that the vetter may see of this process's environment; nothing of it is a secret. */
const ENV_NAMES = [
  "PATH",
  "TMPDIR",
  "SLUICE_HOME",
  "SLUICE_VET_TIMEOUT_MS",
  "SLUICE_VET_MAX_RSS_BYTES",
] as const;

/** How the vetting process is started; replaced by tests that need one which misbehaves. */
export interface VetProgram {
  readonly args: readonly string[];
  readonly timeoutMs: number;
}

/**
 * Lets the server's own vetter judge the model, in a process of its own, and holds its signature
 * against the champion's. Whatever goes wrong in that process is a refusal with its name. Rejects
 * with JobError when the vetter could not begin: its configuration is wrong, not the model.
 */
export const vet: JobWork<"vet"> = (spec, context) =>
  vetWith({ args: vetArgs(spec), timeoutMs: TIMEOUT_MS }, spec, context);

/** `vet` by any program that prints the line of `sluice vet --json`. */
export async function vetWith(
  program: VetProgram,
  spec: VetSpec,
  context: JobContext,
): Promise<VetResult> {
  const misfit = await explainChampionMisfit(spec);
  if (misfit !== null) return refused(misfit);
  const result = judgeEnd(await runProgram(program, context));
  await context.pause("vetted");
  return result;
}

function vetArgs({ modelPath, goldenPath }: VetSpec): string[] {
  const golden = goldenPath === null ? [] : ["--golden", goldenPath];
  return [MAIN, "vet", modelPath, ...golden, "--json"];
}

/** Why clients of the champion could break on this model, null when they cannot or may. */
async function explainChampionMisfit(spec: VetSpec): Promise<string | null> {
  try {
    const signature = await readSignature(spec.modelPath);
    if (spec.isBreaking || spec.championManifestPath === null) return null;
    const bytes = await readFile(spec.championManifestPath);
    const champion = parseManifest("the champion's manifest", bytes);
    const why = explainIncompatibility(champion.signature, signature);
    if (why === null) return null;
    return `clients of version ${champion.version} could break: ${why}; publish it as breaking if they may`;
  } catch (thrown) {
    if (thrown instanceof ModelFormatError) return thrown.message;
    throw thrown;
  }
}

interface ProgramEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** null: it ended by itself. */
  readonly stopped: string | null;
}

function runProgram(program: VetProgram, context: JobContext): Promise<ProgramEnd> {
  const args = [`--max-old-space-size=${MAX_HEAP_MIB}`, ...program.args];
  const env = Object.fromEntries(ENV_NAMES.map((name) => [name, context.env[name]]));
  const child = spawn(process.execPath, args, {
    cwd: context.folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return watch(child, program.timeoutMs, context.signal);
}

function watch(child: ChildProcess, timeoutMs: number, signal: AbortSignal): Promise<ProgramEnd> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    let stopped: string | null = null;
    const stop = (why: string) => {
      stopped ??= why;
      child.kill("SIGKILL");
    };
    const onAbort = () => stop("was stopped");
    const timer = setTimeout(() => stop(`took longer than ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      stdout = (stdout + text).slice(0, MAX_OUTPUT_CHARS);
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-MAX_OUTPUT_CHARS);
    });
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    child.on("error", (error) => {
      settle();
      reject(new JobError(`the vetting process could not be started: ${error.message}`, true));
    });
    child.on("close", (exitCode, name) => {
      settle();
      if (signal.aborted) reject(new JobError("vetting was stopped", true));
      else resolve({ exitCode, signal: name, stdout, stderr, stopped });
    });
  });
}

function judgeEnd(end: ProgramEnd): VetResult {
  if (end.stopped !== null) return refused(`vetting ${end.stopped}`);
  if (end.signal !== null) return refused(`crashed in vetting: ${end.signal}`);
  if (end.exitCode === EXIT_USAGE) {
    throw new JobError(`the vetter could not begin: ${lastLine(end.stderr)}`);
  }
  const result = readLine(end.stdout);
  if (result === null) {
    return refused(
      `vetting ended without a verdict (exit code ${end.exitCode}) ${lastLine(end.stderr)}`.trim(),
    );
  }
  const isAgreed = (result.outcome === "passed") === (end.exitCode === 0);
  if (!isAgreed) {
    return refused(`vetting said '${result.outcome}' but ended with exit code ${end.exitCode}`);
  }
  return result;
}

function refused(reason: string): VetResult {
  return { outcome: "refused", reason, goldenCount: 0, peakRssBytes: null };
}

const MAX_REASON_CHARS = 400;

function lastLine(text: string): string {
  return (text.trim().split("\n").at(-1) ?? "").slice(0, MAX_REASON_CHARS);
}

/** The one line of the vetter; null for anything else. */
function readLine(stdout: string): VetResult | null {
  let line: unknown;
  try {
    line = JSON.parse(stdout);
  } catch {
    return null;
  }
  if (typeof line !== "object" || line === null) return null;
  const { outcome, reason, goldenCount, peakRssBytes } = line as Record<string, unknown>;
  if (outcome !== "passed" && outcome !== "refused") return null;
  if (typeof goldenCount !== "number") return null;
  return {
    outcome,
    reason: typeof reason === "string" ? reason : null,
    goldenCount,
    peakRssBytes: typeof peakRssBytes === "number" ? peakRssBytes : null,
  };
}
