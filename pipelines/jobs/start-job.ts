import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { EXIT_AGAIN } from "./exit-code.ts";
import type { JobFile, JobKind, Jobs } from "./job.ts";
import { readFailure, readResult, writeJob } from "./job-files.ts";
import { type JobMetric, keepOutput } from "./keep-output.ts";

/** How a job's process ended. */
export type JobEnd<K extends JobKind> =
  | { readonly outcome: "result"; readonly result: Jobs[K]["result"] }
  /** It said why. */
  | { readonly outcome: "failed"; readonly message: string; readonly isTransient: boolean }
  /** It was killed, crashed or hung. */
  | { readonly outcome: "lost"; readonly message: string };

export interface StartOptions<K extends JobKind> {
  /** Of this attempt; made here. */
  readonly folder: string;
  readonly job: JobFile<K>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
}

export interface StartedJob<K extends JobKind> {
  readonly pid: number | null;
  /** Never rejects; the metrics are all there by then. */
  readonly ended: Promise<JobEnd<K>>;
  readonly metrics: readonly JobMetric[];
  /** SIGTERM, and SIGKILL when it has not ended soon after. */
  stop(): void;
}

const MAIN = fileURLToPath(new URL("../../server/main.js", import.meta.url));
const GRACE_MS = 5_000;
/** A longer one fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Starts `sluice job KIND` over a fresh folder; what it prints is kept there (see keep-output.ts).
 * @throws Error when the folder cannot be made or written
 */
export function startJob<K extends JobKind>(options: StartOptions<K>): StartedJob<K> {
  const { folder, job, timeoutMs } = options;
  writeJob(folder, job);
  const child = spawn(process.execPath, [MAIN, "job", job.kind, "--folder", folder], {
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...options.env },
  });
  const metrics: JobMetric[] = [];
  const output = keepOutput(child, folder, metrics);
  let isTimedOut = false;
  let killer: NodeJS.Timeout | null = null;
  const stop = (): void => {
    child.kill("SIGTERM");
    killer ??= setTimeout(() => child.kill("SIGKILL"), GRACE_MS).unref();
  };
  const timer = setTimeout(
    () => {
      isTimedOut = true;
      stop();
    },
    Math.min(timeoutMs, MAX_TIMER_MS),
  ).unref();
  const ended = new Promise<JobEnd<K>>((resolve) => {
    child.on("error", (error) =>
      resolve({ outcome: "lost", message: `did not start: ${error.message}` }),
    );
    child.on("close", (exitCode, signal) => {
      clearTimeout(timer);
      if (killer !== null) clearTimeout(killer);
      const how = isTimedOut
        ? `ran longer than ${timeoutMs / 1000} s`
        : describeExit(exitCode, signal);
      // What it says of being stopped is not why.
      const known = isTimedOut ? null : exitCode;
      void output.then((stderr) => resolve(readEnd(folder, known, how, stderr)));
    });
  });
  return { pid: child.pid ?? null, ended, metrics, stop };
}

/**
 * What an attempt came to, from its folder alone; also for one whose starter died.
 * @param exitCode null: killed, or not known
 */
export function readEnd<K extends JobKind>(
  folder: string,
  exitCode: number | null,
  how: string,
  stderr: string,
): JobEnd<K> {
  try {
    const result = readResult<K>(folder);
    if (result !== null) return { outcome: "result", result };
    const failure = exitCode === null ? null : readFailure(folder);
    if (failure !== null) {
      const { message, isTransient } = failure;
      return { outcome: "failed", message: plainText(message), isTransient: isTransient === true };
    }
  } catch (error) {
    return { outcome: "lost", message: error instanceof Error ? error.message : String(error) };
  }
  const last = plainText(stderr.trim().split("\n").at(-1) ?? "");
  const message = last === "" ? how : `${how}: ${last.slice(0, 500)}`;
  if (exitCode === EXIT_AGAIN) return { outcome: "failed", message, isTransient: true };
  return { outcome: "lost", message };
}

/** Of whatever bytes a job left: the store takes no NUL, a terminal no escape codes. */
function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return String(text).replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "\ufffd");
}

function describeExit(exitCode: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `ended with exit code ${exitCode} and no result` : `killed by ${signal}`;
}
