import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";

/** Parts that a test may need and a machine may lack. */
export type Part =
  | "redis"
  | "postgres"
  | "python"
  | "chromium"
  | "curl"
  | "uws"
  | "compiler"
  | "onnx-data";

interface PartRow {
  isPresent(): boolean;
  /** What to install, as the reader of the skip list would type it. */
  readonly install: string;
}

/** The Python with the packages of server/testing/python/requirements.txt. */
export function pythonPath(): string {
  return process.env["SLUICE_TEST_PYTHON"] ?? "python3";
}

/** The full path of a program on PATH, or null. */
export function findProgram(name: string): string | null {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here; look on.
    }
  }
  return null;
}

/** ONNX's backend test cases as Debian's package has them; SLUICE_TEST_ONNX_DATA names a copy. */
export function onnxDataFolder(): string {
  return process.env["SLUICE_TEST_ONNX_DATA"] ?? "/usr/share/libonnx-testdata/data";
}

const DEBIAN_POSTGRES = "/usr/lib/postgresql";

const PARTS: Readonly<Record<Part, PartRow>> = {
  redis: {
    isPresent: () => findProgram("redis-server") !== null,
    install: "a redis-server on PATH (Debian: apt-get install redis-server)",
  },
  postgres: {
    isPresent: () =>
      findProgram("postgres") !== null ||
      // The client's package makes folders here too.
      (existsSync(DEBIAN_POSTGRES) &&
        readdirSync(DEBIAN_POSTGRES).some((version) =>
          existsSync(join(DEBIAN_POSTGRES, version, "bin/postgres")),
        )),
    install: "a PostgreSQL server (Debian: apt-get install postgresql)",
  },
  python: {
    isPresent: () =>
      spawnSync(pythonPath(), ["-c", "import tritonclient.http, tritonclient.grpc"], {
        stdio: "ignore",
      }).status === 0,
    install:
      "a Python with the official tritonclient (pip install -r server/testing/python/requirements.txt; SLUICE_TEST_PYTHON names the interpreter)",
  },
  chromium: {
    isPresent: () => findProgram("chromium") !== null,
    install: "a chromium on PATH (Debian: apt-get install chromium)",
  },
  curl: {
    isPresent: () => findProgram("curl") !== null,
    install: "a curl on PATH (Debian: apt-get install curl)",
  },
  uws: {
    isPresent: () => {
      try {
        createRequire(import.meta.url)("uWebSockets.js");
        return true;
      } catch {
        return false;
      }
    },
    install: "a Node version and glibc for which uWebSockets.js has a binary (deploy/adr/0007)",
  },
  "onnx-data": {
    isPresent: () => existsSync(join(onnxDataFolder(), "node")),
    install: "ONNX's test cases (Debian: apt-get install libonnx-testdata)",
  },
  compiler: {
    // As native/build-addon.ts looks for one.
    isPresent: () =>
      ["linux", "darwin"].includes(process.platform) &&
      [process.env["CXX"]?.split(" ")[0], "g++", "clang++"].some(
        (name) => name !== undefined && name !== "" && findProgram(name) !== null,
      ),
    install: "a C++20 compiler when it is built (Debian: apt-get install g++)",
  },
};

const presence = new Map<Part, boolean>();

function isPresent(part: Part): boolean {
  const known = presence.get(part) ?? PARTS[part].isPresent();
  presence.set(part, known);
  return known;
}

/** Options for `it` or `describe`: skips with a reason that names what to install. */
export function needs(...parts: readonly Part[]): { skip: string | false } {
  const missing = parts.filter((part) => !isPresent(part)).map((part) => PARTS[part].install);
  return { skip: missing.length === 0 ? false : `needs ${missing.join(" and ")}` };
}
