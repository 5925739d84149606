import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Where a server listens, as it announced it. */
export interface Endpoints {
  readonly httpUrl: string;
  readonly grpcTarget: string;
  readonly metricsUrl: string;
  /** The lines that it announced itself with. */
  readonly banner: string;
}

export interface ServerEnd {
  readonly exitCode: number | null;
  /** The signal that killed it, null when it ended by itself. */
  readonly signal: NodeJS.Signals | null;
}

/** `sluice serve` as a child, as a user would run it. */
export interface ServerProcess {
  /** Rejects with what the server said when it ended before its ports were open. */
  readonly endpoints: Promise<Endpoints>;
  /** Never rejects. */
  readonly ended: Promise<ServerEnd>;
  /** Asks it to drain and end; again, to hurry. */
  stop(): void;
}

const MAIN = fileURLToPath(new URL("../../server/main.js", import.meta.url));
const LISTENING = /^listening\s+http=(\S+) grpc=(\S+) metrics=(\S+)$/m;
const COMPLAINT = /^sluice: (.+)$/gm;

/**
 * Starts a server with this process's environment.
 * @param stderr takes what it writes to standard error once it listens; before that it is kept for
 *   the error
 */
export function startServer(
  args: readonly string[],
  stderr: { write(text: string): unknown },
): ServerProcess {
  const child = spawn(process.execPath, [MAIN, "serve", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<ServerEnd>((resolve) => {
    child.on("error", () => resolve({ exitCode: null, signal: null }));
    child.on("close", (exitCode, signal) => resolve({ exitCode, signal }));
  });
  let isStopped = false;
  // What it logs while it gives up half-done work is of no use to who asked it to.
  const sink = { write: (text: string) => (isStopped ? undefined : stderr.write(text)) };
  const endpoints = readEndpoints(child, ended, sink);
  // Whoever stops it while it starts need not listen any more.
  endpoints.catch(() => undefined);
  const stop = () => {
    isStopped = true;
    child.kill("SIGTERM");
  };
  return { endpoints, ended, stop };
}

function readEndpoints(
  child: ChildProcess,
  ended: Promise<ServerEnd>,
  stderr: { write(text: string): unknown },
): Promise<Endpoints> {
  return new Promise((resolve, reject) => {
    let banner = "";
    let held: string | null = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      if (held === null) stderr.write(text);
      else held += text;
    });
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      banner += text;
      const found = LISTENING.exec(banner);
      if (found === null || held === null) return;
      stderr.write(held);
      held = null;
      const [, httpUrl = "", grpcTarget = "", metricsUrl = ""] = found;
      resolve({ httpUrl, grpcTarget, metricsUrl, banner });
    });
    void ended.then((end) => reject(new Error(explainEnd(end, held ?? ""))));
  });
}

/** One line about a server that ended although nobody asked it to. */
export function explainEnd({ exitCode, signal }: ServerEnd, stderr: string): string {
  const [complaint] = [...stderr.matchAll(COMPLAINT)].map(([, text = ""]) => text).slice(-1);
  if (complaint === undefined) {
    const how = signal === null ? `exit code ${exitCode ?? "unknown"}` : signal;
    return `the server ended (${how})`;
  }
  const hint = /^cannot listen/.test(complaint)
    ? "; SLUICE_HTTP_PORT, SLUICE_GRPC_PORT and SLUICE_METRICS_PORT choose other ports"
    : "";
  return `${complaint}${hint}`;
}
