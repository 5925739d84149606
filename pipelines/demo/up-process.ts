import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Where a server and its pipelines listen, as they announced it. */
export interface Endpoints {
  readonly httpUrl: string;
  readonly grpcTarget: string;
  readonly metricsUrl: string;
  /** The project API. */
  readonly pipelinesUrl: string;
  readonly pipelinesMetricsUrl: string;
  /** The lines that both announced themselves with. */
  readonly banner: string;
}

export interface UpEnd {
  readonly exitCode: number | null;
  /** The signal that killed it, null when it ended by itself. */
  readonly signal: NodeJS.Signals | null;
}

/** `sluice up` as a child, as a user would run it. */
export interface UpProcess {
  /** Rejects with what was said when one of the two could not listen. */
  readonly endpoints: Promise<Endpoints>;
  /** Never rejects. */
  readonly ended: Promise<UpEnd>;
  /** Asks all of them to drain and end; again, to hurry. */
  stop(): void;
}

interface Sink {
  write(text: string): unknown;
}

const MAIN = fileURLToPath(new URL("../../server/main.js", import.meta.url));
const SERVE = /^serve +\| listening +http=(\S+) grpc=(\S+) metrics=(\S+)$/m;
const PIPELINES = /^pipelines +\| listening +api=(\S+) metrics=(\S+)$/m;
const COMPLAINT = /^sluice: (.+)$/gm;
/** It would start anew what cannot listen; the demo would rather say why. */
const DEATH = /^sluice up: .*(starting it again|giving up)/m;

/**
 * Starts `sluice up` with this process's environment, in a process group of its own: a terminal's
 * Ctrl-C comes to the demo alone, which hands it on.
 * @param stderr takes what is written to standard error once both listen; before that it is kept for
 *   the error
 */
export function startUp(args: readonly string[], stderr: Sink): UpProcess {
  const child = spawn(process.execPath, [MAIN, "up", ...args], {
    // The channel says nothing; its end tells `sluice up` that the demo is gone, however it went.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });
  const ended = new Promise<UpEnd>((resolve) => {
    child.on("error", () => resolve({ exitCode: null, signal: null }));
    child.on("close", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  let isStopped = false;
  const stop = () => {
    isStopped = true;
    child.kill("SIGTERM");
  };
  // What is logged while half-done work is given up is of no use to who asked for it.
  const sink = { write: (text: string) => (isStopped ? undefined : stderr.write(text)) };
  const endpoints = readEndpoints(child, ended, sink, stop);
  // Whoever stops it while it starts need not listen any more.
  endpoints.catch(() => undefined);
  return { endpoints, ended, stop };
}

function readEndpoints(
  child: ChildProcess,
  ended: Promise<UpEnd>,
  stderr: Sink,
  stop: () => void,
): Promise<Endpoints> {
  return new Promise((resolve, reject) => {
    let said = "";
    let held: string | null = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (held === null) {
        stderr.write(text);
        return;
      }
      held += text;
      if (DEATH.test(held)) stop();
    });
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const endpoints = held === null ? null : parseEndpoints(said);
      if (endpoints === null) return;
      stderr.write(held ?? "");
      held = null;
      resolve(endpoints);
    });
    void ended.then((end) => reject(new Error(explainEnd(end, held ?? ""))));
  });
}

/** null: not both yet. */
export function parseEndpoints(said: string): Endpoints | null {
  const serve = SERVE.exec(said);
  const pipelines = PIPELINES.exec(said);
  if (serve === null || pipelines === null) return null;
  const [, httpUrl = "", grpcTarget = "", metricsUrl = ""] = serve;
  const [, pipelinesUrl = "", pipelinesMetricsUrl = ""] = pipelines;
  return { httpUrl, grpcTarget, metricsUrl, pipelinesUrl, pipelinesMetricsUrl, banner: said };
}

/** One line about processes that ended although nobody asked them to. */
export function explainEnd({ exitCode, signal }: UpEnd, stderr: string): string {
  const [complaint] = [...stderr.matchAll(COMPLAINT)].map(([, text = ""]) => text);
  if (complaint === undefined) {
    const how = signal === null ? `exit code ${exitCode ?? "unknown"}` : signal;
    return `the server ended (${how})`;
  }
  const hint = /^cannot (listen|serve)|EADDRINUSE/.test(complaint)
    ? "; SLUICE_HTTP_PORT, SLUICE_GRPC_PORT, SLUICE_METRICS_PORT, SLUICE_ADMIN_PORT, SLUICE_PIPELINES_PORT and SLUICE_PIPELINES_METRICS_PORT choose other ports"
    : "";
  return `${complaint}${hint}`;
}
