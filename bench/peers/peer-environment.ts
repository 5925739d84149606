import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Python files are not compiled: they stay in the source tree beside dist. */
const SOURCES = fileURLToPath(new URL("../../../bench/peers/", import.meta.url));
const MARKER = "complete";

/** Where a peer's Python lives. The folder is named after all that decides what is in it. */
export interface PeerEnvironment {
  readonly folder: string;
  /** The interpreter of the environment. */
  readonly python: string;
  /** Exists once everything is installed. */
  readonly marker: string;
  readonly requirementsFile: string;
}

/** @throws Error when python3 is missing or this is a build without its sources */
export function peerEnvironment(name: string): PeerEnvironment {
  const requirementsFile = peerFile(name, "requirements.txt");
  if (!existsSync(requirementsFile)) {
    throw new Error(`expected ${requirementsFile}: peers run from a source tree only`);
  }
  const hash = createHash("sha256")
    .update(readFileSync(requirementsFile))
    .update(pythonVersion())
    .digest("hex");
  const folder = join(cacheFolder(), "sluice-bench", "peers", `${name}-${hash.slice(0, 12)}`);
  return {
    folder,
    python: join(folder, "bin", "python"),
    marker: join(folder, MARKER),
    requirementsFile,
  };
}

export function isSetUp(environment: PeerEnvironment): boolean {
  return existsSync(environment.marker);
}

/** A file of the source tree: `peerFile("fastapi", "server.py")`. */
export function peerFile(name: string, file: string): string {
  return join(SOURCES, name, file);
}

function cacheFolder(): string {
  // biome-ignore lint/style/noProcessEnv: where a user keeps caches is no setting of this program
  const configured = process.env["XDG_CACHE_HOME"] ?? "";
  return configured === "" ? join(homedir(), ".cache") : configured;
}

let knownVersion: string | null = null;

/** e.g. "Python 3.11.7 x86_64". */
function pythonVersion(): string {
  if (knownVersion !== null) return knownVersion;
  const script = "import platform; print('Python', platform.python_version(), platform.machine())";
  const { status, stdout } = spawnSync("python3", ["-c", script], { encoding: "utf8" });
  if (status !== 0) throw new Error("expected python3 (3.11 or later) on PATH, found none");
  knownVersion = stdout.trim();
  return knownVersion;
}
