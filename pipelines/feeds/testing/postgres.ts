import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { findProgram } from "../../../server/testing/skip.ts";

const START_ATTEMPTS = 5;
const DEBIAN_POSTGRES = "/usr/lib/postgresql";

/** A real PostgreSQL server of a test's own; `needs("postgres")` says whether there is one to start. */
export interface TestPostgres {
  readonly port: number;
  /** Of the superuser, database `postgres`. */
  readonly url: string;
  /** Of another login: any password will do. */
  urlOf(login: string, database?: string): string;
  /** Runs statements as the superuser. */
  run(sql: string): Promise<void>;
  /** Ends the process and deletes its folder; may be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts a server on a free loopback port, without a password, with nothing safe on disk (fsync off).
 * PostgreSQL refuses to run as root: then it runs as the user `postgres`. It dies with this process.
 * Rejects with what the server said when it does not start.
 */
export async function startPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-postgres-"));
  const user = serverUser();
  if (user !== null) chownSync(folder, user.uid, user.gid);
  initialise(folder, user);
  let said = "";
  // Another process may take the port between our look and the server's bind: look again.
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
    const port = await freePort();
    const child = spawnServer(port, folder, user);
    const outcome = await waitUntilReady(child);
    if (outcome === null) return describeServer(child, port, folder);
    said = outcome;
  }
  rmSync(folder, { recursive: true, force: true });
  throw new Error(`postgres did not start: ${said}`);
}

interface User {
  readonly uid: number;
  readonly gid: number;
}

/** null: the user we are. */
function serverUser(): User | null {
  if (process.getuid?.() !== 0) return null;
  const id = (flag: string) =>
    Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
  return { uid: id("-u"), gid: id("-g") };
}

/** On the PATH, or where Debian keeps every version: the newest. */
function programPath(name: string): string {
  const onPath = findProgram(name);
  if (onPath !== null) return onPath;
  const versions = existsSync(DEBIAN_POSTGRES) ? readdirSync(DEBIAN_POSTGRES) : [];
  const paths = versions
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN_POSTGRES, version, "bin", name))
    .filter((path) => existsSync(path));
  if (paths[0] === undefined) throw new Error(`no ${name} on the PATH or in ${DEBIAN_POSTGRES}`);
  return paths[0];
}

function initialise(folder: string, user: User | null): void {
  const options = ["-D", join(folder, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8"];
  const { status, stderr } = spawnSync(
    programPath("initdb"),
    [...options, "--locale", "C", "--no-sync", "--no-instructions"],
    { ...user, cwd: folder, encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`initdb ended with ${status}: ${stderr}`);
}

function spawnServer(port: number, folder: string, user: User | null): ChildProcess {
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    fsync: "off",
    shared_buffers: "16MB",
    max_connections: "30",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return spawn(programPath("postgres"), ["-D", join(folder, "data"), ...flags], {
    ...user,
    cwd: folder,
    stdio: ["ignore", "ignore", "pipe"],
  });
}

/** null once it accepts connections; its last words when it ended instead. */
function waitUntilReady(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => {
    let last = "";
    child.once("error", (error) => resolve(error.message));
    child.once("exit", () => resolve(last));
    if (child.stderr === null) return resolve("no standard error");
    createInterface({ input: child.stderr }).on("line", (line) => {
      last = line;
      if (line.includes("ready to accept connections")) resolve(null);
    });
  });
}

function describeServer(child: ChildProcess, port: number, folder: string): TestPostgres {
  // Killed outright it would leave its shared memory and its children behind: SIGQUIT ends at once.
  const end = () => child.kill("SIGQUIT");
  process.once("exit", end);
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const urlOf = (login: string, database = "postgres") =>
    `postgres://${login}:any@127.0.0.1:${port}/${database}`;
  return {
    port,
    url: urlOf("postgres"),
    urlOf,
    run: async (sql) => {
      const client = new Client({ connectionString: urlOf("postgres") });
      await client.connect();
      try {
        await client.query(sql);
      } finally {
        await client.end();
      }
    },
    stop: async () => {
      process.off("exit", end);
      if (child.exitCode === null && child.signalCode === null) end();
      await exited;
      rmSync(folder, { recursive: true, force: true });
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
