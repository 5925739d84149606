import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { setTimeout as startTimer } from "node:timers";
import { setTimeout } from "node:timers/promises";
import { isRunning } from "../machine/is-running.ts";
import { readProcessTree } from "../machine/process-tree.ts";
import { peerFile } from "./peer-environment.ts";

export interface SupervisedOptions {
  readonly python: string;
  /** A Python script. */
  readonly script: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Cores such as "0,2-3"; null: all. */
  readonly cpus: string | null;
}

const OUTPUT_TAIL_CHARS = 4000;
/** The keeper gives the tree 10 s to end by itself. */
const KILL_AFTER_MS = 20_000;
const GONE_WITHIN_MS = 5000;
const GONE_POLL_MS = 10;

/**
 * A Python server with all its processes, under python/keeper.py. Its standard input is the leash:
 * when this process ends, however it ends, the keeper ends the whole tree.
 */
export class SupervisedProcess {
  readonly #keeper: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #ended: Promise<void>;
  #hasEnded = false;
  #outputTail = "";

  constructor(options: SupervisedOptions) {
    const keeper = peerFile("python", "keeper.py");
    const args = [keeper, options.cpus ?? "-", options.python, options.script];
    this.#keeper = spawn(options.python, args, {
      cwd: options.folder,
      env: { ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    for (const stream of [this.#keeper.stdout, this.#keeper.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.#outputTail = (this.#outputTail + text).slice(-OUTPUT_TAIL_CHARS);
      });
    }
    this.#keeper.stdin.on("error", () => undefined);
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.#hasEnded = true;
        resolve();
      };
      this.#keeper.once("error", end);
      this.#keeper.once("close", end);
    });
  }

  /** Every process of the server, without the keeper. */
  pids(): number[] {
    const { pid } = this.#keeper;
    if (pid === undefined) return [];
    return readProcessTree([pid]).flatMap((each) => (each.pid === pid ? [] : [each.pid]));
  }

  /** @throws Error with its last words when it ends first or stays false for `timeoutMs` */
  async until(condition: () => Promise<boolean>, timeoutMs: number, pollMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!(await condition())) {
      if (this.#hasEnded) throw new Error(`it ended: ${this.#outputTail.trim()}`);
      if (performance.now() > deadlineMs) {
        throw new Error(`not ready within ${timeoutMs} ms: ${this.#outputTail.trim()}`);
      }
      await setTimeout(pollMs);
    }
  }

  /** Ends the whole tree and waits for it. Never rejects. */
  async stop(): Promise<void> {
    const last = this.pids();
    this.#keeper.stdin.end();
    const killer = startTimer(() => {
      for (const pid of [...this.pids(), ...last]) kill(pid);
      this.#keeper.kill("SIGKILL");
    }, KILL_AFTER_MS);
    await this.#ended;
    clearTimeout(killer);
    // What was killed last may take a moment to be gone.
    const deadlineMs = performance.now() + GONE_WITHIN_MS;
    while (last.some(isRunning) && performance.now() < deadlineMs) await setTimeout(GONE_POLL_MS);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
