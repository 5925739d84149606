import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../../server/main.js", import.meta.url));
/** The whole loop takes minutes on a busy machine. */
const SAID_TIMEOUT_MS = 400_000;

export interface DemoEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `sluice demo` in a process of its own, as `npm start` runs it, on free ports. */
export interface DemoProcess {
  /** Resolves when its standard output has the pattern; rejects when it ends before. */
  whenSaid(pattern: RegExp): Promise<RegExpExecArray>;
  stop(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void;
  readonly ended: Promise<DemoEnd>;
}

/** @param env on top of free ports and PATH, and nothing else of this process's environment */
export function startDemo(
  home: string,
  cwd: string,
  env: Record<string, string> = {},
): DemoProcess {
  const child = spawn(process.execPath, [MAIN, "demo"], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      PATH: process.env["PATH"],
      SLUICE_HOME: home,
      SLUICE_HTTP_PORT: "0",
      SLUICE_GRPC_PORT: "0",
      SLUICE_METRICS_PORT: "0",
      SLUICE_ADMIN_PORT: "0",
      SLUICE_PIPELINES_PORT: "0",
      SLUICE_PIPELINES_METRICS_PORT: "0",
      ...env,
    },
  });
  let stdout = "";
  let stderr = "";
  let look: () => void = () => undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    look();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<DemoEnd>((resolve) => {
    child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
  const whenSaid = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${pattern} ${why}:\n${stdout}\n${stderr}`));
      const timer = setTimeout(() => fail("did not come"), SAID_TIMEOUT_MS);
      look = () => {
        const found = pattern.exec(stdout);
        if (found === null) return;
        clearTimeout(timer);
        resolve(found);
      };
      look();
      void ended.then(() => {
        clearTimeout(timer);
        fail("did not come before the end");
      });
    });
  return { whenSaid, stop: (signal) => child.kill(signal), ended };
}

/** Ids of processes that have the text in their command line; none where there is no /proc. */
export function processesWith(text: string): number[] {
  if (!existsSync("/proc/self/cmdline")) return [];
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && commandLine(name).includes(text))
    .map(Number);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It ended meanwhile.
    return "";
  }
}
