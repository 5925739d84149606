import type { ChildProcess } from "node:child_process";
import { appendFileSync, createWriteStream, type WriteStream } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";

export interface JobMetric {
  readonly key: string;
  readonly value: number;
  readonly step: number;
}

const LOG_FILE = "log.ndjson";

/** Beyond these, what a job prints is dropped: neither memory nor disk grows with a job that raves. */
const MAX_LINE_CHARS = 65_536;
const MAX_LOG_CHARS = 64 * 1024 * 1024;
const MAX_STDERR_CHARS = 1024 * 1024;
const MAX_METRICS = 100_000;
const STDERR_TAIL_CHARS = 4096;
const MAX_KEY_CHARS = 250;

/**
 * Keeps what a job prints: lines of standard output in `log.ndjson` of the folder, standard error in
 * `stderr.log`, metrics in `metrics`. Resolves with the end of standard error when both are closed.
 */
export async function keepOutput(
  child: ChildProcess,
  folder: string,
  metrics: JobMetric[],
): Promise<string> {
  const { stdout, stderr } = child;
  const tail = stderr === null ? Promise.resolve("") : keepErrors(stderr, folder);
  if (stdout !== null) await keepLines(stdout, folder, metrics);
  return await tail;
}

async function keepLines(stdout: Readable, folder: string, metrics: JobMetric[]): Promise<void> {
  const file = openLog(join(folder, LOG_FILE), MAX_LOG_CHARS);
  const lines = new LineSplitter((line) => {
    file.write(`${line}\n`);
    const metric = readMetric(line);
    if (metric !== null && metrics.length < MAX_METRICS) metrics.push(metric);
  });
  stdout.setEncoding("utf8").on("data", (text: string) => lines.push(text));
  await closed(stdout);
  lines.end();
  await file.end();
}

async function keepErrors(stderr: Readable, folder: string): Promise<string> {
  let file: Log | null = null;
  let tail = "";
  stderr.setEncoding("utf8").on("data", (text: string) => {
    file ??= openLog(join(folder, "stderr.log"), MAX_STDERR_CHARS);
    file.write(text);
    tail = (tail + text).slice(-STDERR_TAIL_CHARS);
  });
  await closed(stderr);
  await (file as Log | null)?.end();
  return tail;
}

function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => stream.once("close", resolve));
}

interface Log {
  write(text: string): void;
  /** Resolves when what was written is in the file, or cannot be. */
  end(): Promise<void>;
}

function openLog(path: string, maxChars: number): Log {
  const file: WriteStream = createWriteStream(path, { flags: "a", mode: 0o600 });
  // A full disk must not end the coordinator; the job itself meets it too.
  file.on("error", () => undefined);
  let left = maxChars;
  return {
    write(text) {
      if (left < text.length) return;
      left -= text.length;
      file.write(text);
    },
    end() {
      const done = new Promise<void>((resolve) => file.once("close", () => resolve()));
      file.end();
      return file.closed ? Promise.resolve() : done;
    },
  };
}

/** Adds what went wrong after a job had ended to what it printed. */
export function logDefect(folder: string, error: Error): void {
  const line = JSON.stringify({ log: "defect", stack: error.stack ?? error.message });
  try {
    appendFileSync(join(folder, LOG_FILE), `${line.slice(0, MAX_LINE_CHARS)}\n`, { mode: 0o600 });
  } catch {
    // As above: its end is stored all the same.
  }
}

/** Lines out of pieces; of a longer one only its beginning. */
class LineSplitter {
  readonly #onLine: (line: string) => void;
  #line = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(text: string): void {
    const pieces = text.split("\n");
    for (const [index, piece] of pieces.entries()) {
      if (index > 0) this.#emit();
      this.#line += piece.slice(0, MAX_LINE_CHARS - this.#line.length);
    }
  }

  end(): void {
    if (this.#line !== "") this.#emit();
  }

  #emit(): void {
    const line = this.#line;
    this.#line = "";
    this.#onLine(line);
  }
}

function readMetric(line: string): JobMetric | null {
  if (!line.startsWith('{"metric"')) return null;
  try {
    const { metric, value, step } = JSON.parse(line) as Record<string, unknown>;
    if (typeof metric !== "string" || metric.includes("\0") || typeof value !== "number")
      return null;
    const key = metric.slice(0, MAX_KEY_CHARS);
    return { key, value, step: typeof step === "number" ? step : 0 };
  } catch {
    return null;
  }
}
