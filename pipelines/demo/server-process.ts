import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** `sluice serve` as a child, as a user would run it. */
export interface ServerProcess {
  readonly httpUrl: string;
  readonly grpcTarget: string;
  readonly metricsUrl: string;
  /** The lines that it announced itself with. */
  readonly banner: string;
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
  stop(): void;
}

const LISTENING = /^listening\s+http=(\S+) grpc=(\S+) metrics=(\S+)$/m;

/** Starts a server; resolves when its ports are open. Rejects when it ends before. */
export async function startServer(args: readonly string[]): Promise<ServerProcess> {
  const main = fileURLToPath(new URL("../../server/main.js", import.meta.url));
  const child = spawn(process.execPath, [main, "serve", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<number>((resolve) => {
    child.on("close", (code, signal) => resolve(code ?? (signal === null ? 0 : 1)));
  });
  const banner = await readBanner(child, ended);
  const [, httpUrl, grpcTarget, metricsUrl] = LISTENING.exec(banner) as unknown as string[];
  return {
    httpUrl: httpUrl as string,
    grpcTarget: grpcTarget as string,
    metricsUrl: metricsUrl as string,
    banner,
    ended,
    stop: () => child.kill("SIGTERM"),
  };
}

function readBanner(child: ChildProcess, ended: Promise<number>): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
      if (LISTENING.test(text)) resolve(text);
    });
    void ended.then((code) => {
      reject(new Error(`the server ended before it listened (exit code ${code}); see above`));
    });
  });
}
