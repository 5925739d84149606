import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const START_ATTEMPTS = 5;

/** A real redis-server of a test's own; `needs("redis")` says whether there is one to start. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Ends the process and deletes its folder; may be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts redis-server on a free loopback port with nothing kept on disk. It dies with this process.
 * Rejects with what the server said when it does not start.
 */
export async function startRedis(): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-redis-"));
  let said = "";
  // Another process may take the port between our look and the server's bind: look again.
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
    const port = await freePort();
    const child = spawnRedis(port, folder);
    const outcome = await waitUntilReady(child);
    if (outcome === null) return describeRedis(child, port, folder);
    said = outcome;
  }
  await rm(folder, { recursive: true, force: true });
  throw new Error(`redis-server did not start: ${said}`);
}

function spawnRedis(port: number, folder: string): ChildProcess {
  return spawn(
    "redis-server",
    ["--bind", "127.0.0.1", "--port", String(port), "--save", "", "--appendonly", "no"].concat([
      "--dir",
      folder,
    ]),
    { stdio: ["ignore", "pipe", "inherit"] },
  );
}

/** null once it accepts connections; its last words when it ended instead. */
function waitUntilReady(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => {
    let last = "";
    child.once("error", (error) => resolve(error.message));
    child.once("exit", () => resolve(last));
    if (child.stdout === null) return resolve("no standard output");
    createInterface({ input: child.stdout }).on("line", (line) => {
      last = line;
      if (line.includes("Ready to accept connections")) resolve(null);
    });
  });
}

function describeRedis(child: ChildProcess, port: number, folder: string): TestRedis {
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop: async () => {
      process.off("exit", kill);
      kill();
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
  });
}
