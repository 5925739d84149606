import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../../server/main.js", import.meta.url));
const LISTENING = /^listening\s+api=(\S+) metrics=(\S+)$/m;
const LOOK_MS = 20;
/** Long: for machines that are busy with other tests. A wait that ends here has failed. */
const WAIT_MS = 90_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** `sluice …` through the real entry, in a process of its own. */
export class LoopProcess {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  #end: Ended | null = null;
  stdout = "";
  stderr = "";

  constructor(
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    wrapper: readonly string[] = [],
  ) {
    const [program, ...rest] = [...wrapper, process.execPath, MAIN, ...args] as [
      string,
      ...string[],
    ];
    const child = spawn(program, rest, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"] ?? "", ...env },
    });
    this.pid = child.pid as number;
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve) => {
      child.on("exit", (code, signal) => {
        this.#end = { code, signal };
        resolve(this.#end);
      });
    });
  }

  get hasEnded(): boolean {
    return this.#end !== null;
  }

  get said(): string {
    return this.stdout + this.stderr;
  }

  /** Resolves once standard output or error holds a match; rejects when the process ends first. */
  async whenSaid(pattern: RegExp): Promise<RegExpExecArray> {
    await until(
      `it says ${pattern}`,
      () => pattern.test(this.said) || this.hasEnded,
      () => this.said,
    );
    const match = pattern.exec(this.said);
    if (match === null) throw new Error(`it ended without saying ${pattern}: ${this.said}`);
    return match;
  }

  /** Of `sluice pipelines`: its API. */
  async apiUrl(): Promise<string> {
    const [, url = ""] = await this.whenSaid(LISTENING);
    return url;
  }

  async kill(signal: NodeJS.Signals): Promise<Ended> {
    if (!this.hasEnded) process.kill(this.pid, signal);
    return await this.ended;
  }
}

export interface PausedJob {
  readonly pid: number;
  readonly folder: string;
}

/** The job of a home that says that it stopped at a point; null: none yet. */
export function findPausedJob(home: string, point: string): PausedJob | null {
  for (const folder of attemptFolders(home)) {
    const path = join(folder, "stderr.log");
    if (!existsSync(path) || !readFileSync(path, "utf8").includes(`paused at ${point}\n`)) continue;
    const pid = findJob(folder);
    if (pid !== null) return { pid, folder };
  }
  return null;
}

export function attemptFolders(home: string): string[] {
  return foldersIn(join(home, "runs")).flatMap(foldersIn);
}

function foldersIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

/** Process that works in this folder, as /proc tells it. */
export function findJob(folder: string): number | null {
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = read(`/proc/${name}/cmdline`).split("\0");
    if (words.includes("job") && words.includes(folder)) return Number(name);
  }
  return null;
}

/** Gone, or a zombie that nobody reaps. */
export function isDead(pid: number): boolean {
  const stat = read(`/proc/${pid}/stat`);
  return stat === "" || stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Looks again and again until it is so; rejects after a long time. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  explain: () => string | Promise<string> = () => "",
): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) {
      throw new Error(`waited too long until ${what}: ${await explain()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
