import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createGrpcClient } from "../../protocols/client/grpc-client.ts";
import { createHttpClient } from "../../protocols/client/http-client.ts";
import type {
  ControlClient,
  InferenceClient,
  LabelClient,
} from "../../protocols/client/inference-client.ts";
import { createWebSocketClient } from "../../protocols/client/websocket-client.ts";
import type { VersionState } from "../models/lifecycle.ts";

const MAIN = fileURLToPath(new URL("../main.js", import.meta.url));
const LISTENING = /^listening\s+http=(\S+) grpc=(\S+) metrics=(\S+)$/m;
const CLIENT_TIMEOUT_MS = 60_000;
/** Long: for machines that are busy with other tests. A wait that ends here has failed. */
const WAIT_MS = 90_000;
const LOOK_MS = 10;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Milliseconds from the last signal that was sent to it; NaN without one. */
  readonly afterMs: number;
}

/** `sluice …` through the real entry, in a process of its own. */
export interface SluiceProcess {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves once standard output or error holds a match; rejects when the process ends first. */
  whenSaid(pattern: RegExp): Promise<RegExpMatchArray>;
  kill(signal: NodeJS.Signals): void;
}

const running = new Set<RunningSluice>();

/** For after(): a test that failed may have left a process, which would keep the runner waiting. */
export async function killLeftRunning(): Promise<void> {
  for (const each of running) {
    each.kill("SIGKILL");
    await each.ended;
  }
}

/** @param env on top of PATH alone: tests must not depend on the caller's settings */
export function spawnSluice(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): SluiceProcess {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "", ...env },
  });
  const sluice = new RunningSluice(child);
  running.add(sluice);
  void sluice.ended.then(() => running.delete(sluice));
  return sluice;
}

class RunningSluice implements SluiceProcess {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  readonly #lookers = new Set<() => void>();
  #signalledMs = Number.NaN;
  #hasEnded = false;
  stdout = "";
  stderr = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid as number;
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#look();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#look();
    });
    this.ended = new Promise((resolve) => {
      child.on("close", (code, signal) => {
        this.#hasEnded = true;
        resolve({ code, signal, afterMs: performance.now() - this.#signalledMs });
        this.#look();
      });
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.#signalledMs = performance.now();
    this.#child.kill(signal);
  }

  whenSaid(pattern: RegExp): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const settle = (end: () => void) => {
        clearTimeout(timer);
        this.#lookers.delete(look);
        end();
      };
      const fail = (why: string) =>
        settle(() => reject(new Error(`${why} ${pattern}: ${this.stdout}${this.stderr}`)));
      const look = () => {
        const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
        if (match !== null) settle(() => resolve(match));
        else if (this.#hasEnded) fail("it ended without saying");
      };
      const timer = setTimeout(() => fail("it does not say"), WAIT_MS);
      this.#lookers.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of [...this.#lookers]) look();
  }
}

export interface ServeProcess extends SluiceProcess {
  readonly httpUrl: string;
  readonly httpPort: number;
  readonly grpcPort: number;
  readonly metricsPort: number;
  /** From the spawn to open ports. */
  readonly listeningMs: number;
  /** Resolves once the log tells that the version entered the state; needs log level info. */
  whenState(model: string, version: number, state: VersionState): Promise<RegExpMatchArray>;
  /** Resolves once /v2/health/ready says so, with the milliseconds since the spawn. */
  whenReady(): Promise<number>;
  http(): InferenceClient & ControlClient & LabelClient;
  grpc(): InferenceClient & ControlClient;
  webSocket(): Promise<InferenceClient>;
  metrics(): Promise<string>;
}

/** `sluice serve` on free ports; resolves when they are open, rejects when it ends before. */
export async function startServe(
  home: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<ServeProcess> {
  const startMs = performance.now();
  const child = spawnServe(home, args, env);
  const [, http, grpc, metrics] = (await child.whenSaid(LISTENING)) as unknown as string[];
  const listeningMs = performance.now() - startMs;
  const urls = { http: http as string, grpc: grpc as string, metrics: metrics as string };
  const clientOptions = { apiKey: null, timeoutMs: CLIENT_TIMEOUT_MS };
  return Object.assign(child, {
    httpUrl: urls.http,
    httpPort: Number(new URL(urls.http).port),
    grpcPort: Number(urls.grpc.split(":").at(-1)),
    metricsPort: Number(new URL(urls.metrics).port),
    listeningMs,
    whenState: (model: string, version: number, state: VersionState) =>
      child.whenSaid(
        new RegExp(`"model":"${model}","version":${version},"from":"[a-z]*","to":"${state}".*`),
      ),
    whenReady: async () => {
      await until("ready", async () => (await fetch(`${urls.http}/v2/health/ready`)).ok);
      return performance.now() - startMs;
    },
    http: () => createHttpClient(urls.http, { ...clientOptions, binary: true, maxSockets: 16 }),
    grpc: () => createGrpcClient(urls.grpc, clientOptions),
    webSocket: () =>
      createWebSocketClient(`${urls.http.replace("http", "ws")}/v2/stream`, clientOptions),
    metrics: async () => (await fetch(urls.metrics)).text(),
  });
}

/** `sluice serve` on free ports unless the arguments say others; it may not come to listen. */
export function spawnServe(
  home: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): SluiceProcess {
  const free = ["--http-port", "--grpc-port", "--metrics-port", "--admin-port"].flatMap((flag) =>
    args.includes(flag) ? [] : [flag, "0"],
  );
  return spawnSluice(["serve", "--home", home, ...free, ...args], env);
}

/** Looks again and again, at moments apart, until it is so; rejects after a long time. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`waited too long: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Processes whose parent this is, as /proc tells it. */
export function childrenOf(pid: number): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((candidate) => parentOf(candidate) === pid);
}

/** Gone, or a zombie that nobody reaps. */
export function isDead(pid: number): boolean {
  const stat = readStat(pid);
  return stat === null || stat.startsWith("Z");
}

function parentOf(pid: number): number | null {
  const stat = readStat(pid);
  return stat === null ? null : Number(stat.split(" ")[1]);
}

/** What follows the name in /proc/<pid>/stat: state, parent, … */
function readStat(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2);
  } catch {
    return null;
  }
}
