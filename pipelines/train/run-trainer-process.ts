import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { JobError } from "../jobs/job-error.ts";
import type { GuardMessage } from "./trainer-guard.ts";

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

const GUARD = fileURLToPath(new URL("./trainer-guard.js", import.meta.url));

/**
 * Runs a program in a process group of its own; nothing of the group lives on after it, nor after this
 * process, however that ends (see trainer-guard.ts). When its time
 * is over, or `signal` is aborted: SIGTERM, the grace time, SIGKILL, all to the whole group. Rejects
 * with JobError for a program that cannot be started or took too long, with the signal's reason when
 * aborted.
 */
export async function runTrainerProcess(options: TrainerProcessOptions): Promise<TrainerExit> {
  const [program, ...args] = options.command;
  if (program === undefined) throw new JobError("expected a program to train with, found none");
  options.signal.throwIfAborted();
  const child = spawn(process.execPath, [GUARD, program, ...args], {
    cwd: options.folder,
    env: { ...options.env },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });
  if (child.stdout !== null) readLines(child.stdout, (line) => options.onLine("stdout", line));
  if (child.stderr !== null) readLines(child.stderr, (line) => options.onLine("stderr", line));
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
      let told: GuardMessage | null = null;
      const fail = (problem: string) =>
        reject(new JobError(`the trainer '${program}' could not be started: ${problem}`));
      child.on("error", ({ message }) => fail(message));
      child.on("message", (message) => {
        told = message as GuardMessage;
        // What the trainer started and left behind may hold its pipes open: it goes first.
        killGroup("SIGKILL");
      });
      child.on("exit", () => killGroup("SIGKILL"));
      child.on("close", (code, signal) => {
        const end = told ?? ({ kind: "ended", code, signal } as const);
        if (end.kind === "unstarted") fail(end.problem);
        else resolve({ code: end.code, signal: end.signal });
      });
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
