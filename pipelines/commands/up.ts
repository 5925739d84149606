import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { CommandIo } from "./command-io.ts";

/** A process that `sluice up` keeps running. */
export interface UpChild {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
}

export interface UpOptions {
  readonly children: readonly UpChild[];
  /** The first asks the children to end, the second hurries them. */
  readonly stopSignals: { readonly first: AbortSignal; readonly second: AbortSignal };
  /** The terminal's Ctrl-C reaches the children by itself; handed on, it would count as the second. */
  readonly sharesTerminal: boolean;
  /** Before the first start anew; doubled up to 16 times this. */
  readonly restartDelayMs: number;
}

/** So many deaths of one child within the time are the end. */
const MAX_DEATHS = 5;
const DEATHS_WITHIN_MS = 60_000;
const MAX_DELAY_FACTOR = 16;
/** Its command line or configuration is wrong: that does not mend itself. */
const EXIT_USAGE = 2;

/**
 * `sluice up`: runs the children until a stop signal, starts anew what dies, and waits for all of
 * them at the end. Returns the exit code: 0 when it was asked to stop, else that of what cannot go
 * on. Standard output is passed on line by line, with the child's name before it; standard error (JSON
 * lines, which name their component) as it is.
 */
export async function runUp(options: UpOptions, io: CommandIo): Promise<number> {
  const ending = new AbortController();
  const { first, second } = options.stopSignals;
  if (first.aborted) return 0;
  const width = Math.max(...options.children.map(({ name }) => name.length));
  const kept = options.children.map((child) => new KeptChild(child, width, options, ending, io));
  const isTerminals = (): boolean => options.sharesTerminal && first.reason === "SIGINT";
  first.addEventListener("abort", () => {
    ending.abort();
    if (!isTerminals()) for (const child of kept) child.stop();
  });
  second.addEventListener("abort", () => {
    if (!isTerminals()) for (const child of kept) child.stop();
  });
  const codes = await Promise.all(
    kept.map(async (child) => {
      const code = await child.keep();
      // One that cannot go on takes the others along.
      if (!ending.signal.aborted) {
        ending.abort();
        for (const other of kept) other.stop();
      }
      return code;
    }),
  );
  return Math.max(...codes);
}

class KeptChild {
  readonly #child: UpChild;
  readonly #prefix: string;
  readonly #options: UpOptions;
  readonly #ending: AbortController;
  readonly #io: CommandIo;
  #process: ChildProcess | null = null;

  constructor(
    child: UpChild,
    width: number,
    options: UpOptions,
    ending: AbortController,
    io: CommandIo,
  ) {
    this.#child = child;
    this.#prefix = `${child.name.padEnd(width)} | `;
    this.#options = options;
    this.#ending = ending;
    this.#io = io;
  }

  /** Resolves once it is over for good: 0 when asked to end, else the exit code for `sluice up`. */
  async keep(): Promise<number> {
    const deathsMs: number[] = [];
    for (;;) {
      const end = await this.#runOnce();
      if (this.#ending.signal.aborted) return 0;
      if (end.code === EXIT_USAGE) return EXIT_USAGE;
      const nowMs = Date.now();
      deathsMs.push(nowMs);
      const recent = deathsMs.filter((atMs) => nowMs - atMs < DEATHS_WITHIN_MS).length;
      if (recent >= MAX_DEATHS) {
        this.#say(`${end.how}; ${recent} times within a minute, giving up`);
        return 1;
      }
      const factor = Math.min(2 ** (recent - 1), MAX_DELAY_FACTOR);
      const waitMs = this.#options.restartDelayMs * factor;
      this.#say(`${end.how}; starting it again in ${waitMs / 1000} s`);
      await delay(waitMs, null, { signal: this.#ending.signal }).catch(() => null);
      if (this.#ending.signal.aborted) return 0;
    }
  }

  stop(): void {
    this.#process?.kill("SIGTERM");
  }

  #runOnce(): Promise<End> {
    const [program, ...args] = this.#child.command;
    const child = spawn(program, args, {
      // The channel says nothing; its end tells the child that its starter is gone (stop-signals.ts).
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: this.#io.env as NodeJS.ProcessEnv,
    });
    this.#process = child;
    const { stdout, stderr } = this.#io;
    onLines(child.stdout, (line) => stdout.write(`${this.#prefix}${line}\n`));
    onLines(child.stderr, (line) => stderr.write(`${line}\n`));
    return new Promise((resolve) => {
      child.on("error", (error: NodeJS.ErrnoException) => {
        resolve({ code: null, how: `cannot be started (${error.code ?? error.message})` });
      });
      child.on("close", (code, signal) => {
        const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
        resolve({ code, how });
      });
    });
  }

  #say(text: string): void {
    this.#io.stderr.write(`sluice up: ${this.#child.name} ${text}\n`);
  }
}

function onLines(stream: Readable | null, take: (line: string) => void): void {
  if (stream !== null) createInterface({ input: stream }).on("line", take);
}

interface End {
  readonly code: number | null;
  readonly how: string;
}
