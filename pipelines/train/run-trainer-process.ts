import { spawn } from "node:child_process";
import { JobError } from "../jobs/job-error.ts";

export interface TrainerProcessOptions {
  /** Program and arguments; no shell. */
  readonly command: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutSecs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  readonly signal: AbortSignal;
  /** A line of its output, at most MAX_LINE_LENGTH long. */
  onLine(stream: "stdout" | "stderr", line: string): void;
}

export interface TrainerExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The rest of a longer line is left out. */
export const MAX_LINE_LENGTH = 10_000;

/**
 * Runs a program as a process group of its own; nothing of the group lives on after it. When its time
 * is over, or `signal` is aborted: SIGTERM, the grace time, SIGKILL, all to the whole group. Rejects
 * with JobError for a program that cannot be started or took too long, with the signal's reason when
 * aborted.
 */
export async function runTrainerProcess(options: TrainerProcessOptions): Promise<TrainerExit> {
  const [program, ...args] = options.command;
  if (program === undefined) throw new JobError("expected a program to train with, found none");
  options.signal.throwIfAborted();
  const child = spawn(program, args, {
    cwd: options.folder,
    env: { ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  readLines(child.stdout, (line) => options.onLine("stdout", line));
  readLines(child.stderr, (line) => options.onLine("stderr", line));
  const killGroup = (signal: NodeJS.Signals) => signalGroup(child.pid, signal);
  // The job's own end takes the group along.
  const onOwnExit = () => killGroup("SIGKILL");
  process.on("exit", onOwnExit);
  let isLate = false;
  let grace: NodeJS.Timeout | null = null;
  const stop = () => {
    if (grace !== null) return;
    killGroup("SIGTERM");
    grace = setTimeout(() => killGroup("SIGKILL"), options.graceMs);
  };
  const timeout = setTimeout(() => {
    isLate = true;
    stop();
  }, options.timeoutSecs * 1000);
  options.signal.addEventListener("abort", stop);
  try {
    const exit = await new Promise<TrainerExit>((resolve, reject) => {
      child.on("error", (error) => {
        reject(new JobError(`the trainer '${program}' could not be started: ${error.message}`));
      });
      // What the trainer started and left behind may hold its pipes open: it goes first.
      child.on("exit", () => killGroup("SIGKILL"));
      child.on("close", (code, signal) => resolve({ code, signal }));
    });
    options.signal.throwIfAborted();
    if (isLate) throw new JobError(`the trainer took longer than ${options.timeoutSecs} s`);
    return exit;
  } finally {
    clearTimeout(timeout);
    clearTimeout(grace ?? undefined);
    options.signal.removeEventListener("abort", stop);
    process.off("exit", onOwnExit);
  }
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let line = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const parts = text.split("\n");
    parts.forEach((part, index) => {
      line += part.slice(0, MAX_LINE_LENGTH - line.length);
      if (index === parts.length - 1) return;
      onLine(line);
      line = "";
    });
  });
  stream.on("end", () => {
    if (line !== "") onLine(line);
  });
}
