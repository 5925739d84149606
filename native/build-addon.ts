/**
 * Builds dist/native/sluice.node out of native/src, as the last step of `npm run build`.
 *
 *     node dist/native/build-addon.js [--sanitize address,undefined]
 *
 * Without a compiler there is no addon, and the portable engine serves. A compile error is printed;
 * it fails the build only where CI or SLUICE_TEST_REQUIRE_ALL is set. An object's name holds the hash
 * of all that decides its content, so an unchanged tree costs nothing and a changed file is compiled
 * alone. The result is renamed into place: a process that runs keeps the file that it has.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE_FOLDER = fileURLToPath(new URL("../../native/src/", import.meta.url));
const EXPORTS_FILE = join(SOURCE_FOLDER, "exports.map");
const BUILD_FOLDER = fileURLToPath(new URL("./build/", import.meta.url));
const ADDON_FILE = fileURLToPath(new URL("./sluice.node", import.meta.url));
const PLATFORMS: readonly NodeJS.Platform[] = ["linux", "darwin"];
const COMPILERS = ["g++", "clang++"];

const COMPILE_FLAGS = [
  ..."-std=c++20 -fPIC -fvisibility=hidden -pthread -Wall -Wextra -Werror".split(" "),
  "-DNAPI_VERSION=8",
  "-DNODE_GYP_MODULE_NAME=sluice",
];
const FAST_FLAGS = ["-O3"];
/** Node's own process brings no libstdc++ that a build on another system could count on. */
const STATIC_RUNTIME_FLAGS = ["-static-libstdc++", "-static-libgcc"];

interface Toolchain {
  readonly compiler: string;
  /** What `--version` says: another compiler makes other objects. */
  readonly version: string;
  readonly compileFlags: readonly string[];
  readonly linkFlags: readonly string[];
  readonly headers: string;
}

/** A command that failed: what it printed. */
class BuildError extends Error {}

function readEnvironment(name: "CXX" | "CI" | "SLUICE_TEST_REQUIRE_ALL"): string | null {
  // biome-ignore lint/style/noProcessEnv: a build step, started by npm; CXX is how a compiler is named
  const text = process.env[name];
  return text === undefined || text === "" ? null : text;
}

function versionOf(compiler: string): string | null {
  const [program = "", ...flags] = compiler.split(" ");
  const result = spawnSync(program, [...flags, "--version"], { encoding: "utf8" });
  return result.status === 0 ? result.stdout : null;
}

/** The first compiler that answers, or why there is none. */
function findToolchain(sanitizers: string | null): Toolchain | string {
  if (!PLATFORMS.includes(process.platform)) return `it is not built on ${process.platform}`;
  const headers = findHeaders();
  if (headers === null) return "node-api-headers is not installed";
  const named = readEnvironment("CXX");
  for (const compiler of named === null ? COMPILERS : [named]) {
    const version = versionOf(compiler);
    if (version === null) continue;
    const extra =
      sanitizers === null
        ? FAST_FLAGS
        : [
            ...["-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"],
            `-fsanitize=${sanitizers}`,
          ];
    return {
      compiler,
      version,
      headers,
      compileFlags: [...COMPILE_FLAGS, ...extra],
      linkFlags: linkFlags(sanitizers),
    };
  }
  return named === null ? "no C++ compiler" : `no C++ compiler at CXX (${named})`;
}

function linkFlags(sanitizers: string | null): readonly string[] {
  if (process.platform === "darwin") return ["-bundle", "-undefined", "dynamic_lookup"];
  const flags = ["-shared", "-pthread", "-ldl", `-Wl,--version-script=${EXPORTS_FILE}`];
  return sanitizers === null ? [...flags, "-s"] : [...flags, `-fsanitize=${sanitizers}`];
}

function findHeaders(): string | null {
  try {
    const entry = createRequire(import.meta.url).resolve("node-api-headers");
    return join(dirname(entry), "include");
  } catch {
    return null;
  }
}

/** A file's text with that of every file of ours that it includes, each once. */
function readWithIncludes(path: string, seen: Set<string>): string {
  if (seen.has(path)) return "";
  seen.add(path);
  if (!existsSync(path)) return `${basename(path)} is missing\n`;
  const text = readFileSync(path, "utf8");
  const included = [...text.matchAll(/(?:#include|__has_include\()\s*"([^"]+)"/g)].map((match) =>
    readWithIncludes(join(dirname(path), match[1] ?? ""), seen),
  );
  return text + included.join("");
}

function hashOf(...parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex").slice(0, 16);
}

function run(compiler: string, args: readonly string[]): Promise<void> {
  const [program = "", ...flags] = compiler.split(" ");
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...flags, ...args], { stdio: ["ignore", "ignore", "pipe"] });
    const chunks: Buffer[] = [];
    child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.on("error", reject);
    child.on("close", (code) => {
      if (code === 0) resolve();
      else reject(new BuildError(Buffer.concat(chunks).toString("utf8")));
    });
  });
}

/** Writes through a name of this process's own: two builds at once must not mix. */
async function writeWhole(path: string, write: (temporary: string) => Promise<void>) {
  const temporary = `${path}.${process.pid}`;
  try {
    await write(temporary);
    renameSync(temporary, path);
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** @returns the object's path, compiled only if it was not there */
async function compile(tools: Toolchain, source: string): Promise<string> {
  const text = readWithIncludes(source, new Set());
  const key = hashOf(tools.version, tools.compiler, tools.compileFlags.join(" "), text);
  const object = join(BUILD_FOLDER, `${basename(source, ".cc")}-${key}.o`);
  if (existsSync(object)) return object;
  await writeWhole(object, (temporary) =>
    run(tools.compiler, [
      ...tools.compileFlags,
      "-isystem",
      tools.headers,
      ...["-c", source, "-o", temporary],
    ]),
  );
  return object;
}

/** As many at a time as there are cores. The first failure is thrown once all have ended. */
async function compileAll(tools: Toolchain, sources: readonly string[]): Promise<string[]> {
  const objects: string[] = [];
  const failures: unknown[] = [];
  const waiting = [...sources];
  const work = async () => {
    for (let source = waiting.shift(); source !== undefined; source = waiting.shift()) {
      try {
        objects.push(await compile(tools, source));
      } catch (thrown) {
        failures.push(thrown);
      }
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (failures.length > 0) throw failures[0];
  return objects.sort();
}

async function link(tools: Toolchain, objects: readonly string[]): Promise<void> {
  const args = [...objects, ...tools.linkFlags];
  await writeWhole(ADDON_FILE, async (temporary) => {
    try {
      await run(tools.compiler, [...args, ...STATIC_RUNTIME_FLAGS, "-o", temporary]);
    } catch {
      // No static runtime on this system (macOS never has one).
      await run(tools.compiler, [...args, "-o", temporary]);
    }
  });
}

/** @returns whether anything was done */
async function build(tools: Toolchain): Promise<boolean> {
  mkdirSync(BUILD_FOLDER, { recursive: true });
  const sources = readdirSync(SOURCE_FOLDER)
    .filter((name) => name.endsWith(".cc"))
    .sort();
  const objects = await compileAll(
    tools,
    sources.map((name) => join(SOURCE_FOLDER, name)),
  );
  const linkedFile = join(BUILD_FOLDER, "linked.txt");
  const key = hashOf(...objects, ...tools.linkFlags, tools.version);
  const isLinked = existsSync(linkedFile) && readFileSync(linkedFile, "utf8") === key;
  if (isLinked && existsSync(ADDON_FILE)) return false;
  await link(tools, objects);
  writeFileSync(linkedFile, key);
  removeStale(new Set([...objects.map((path) => basename(path)), basename(linkedFile)]));
  return true;
}

/** Objects of earlier sources, but none that another build may be writing. */
function removeStale(kept: ReadonlySet<string>): void {
  for (const name of readdirSync(BUILD_FOLDER)) {
    if (!kept.has(name) && name.endsWith(".o")) rmSync(join(BUILD_FOLDER, name), { force: true });
  }
}

function sanitizersAsked(args: readonly string[]): string | null {
  const at = args.indexOf("--sanitize");
  return at === -1 ? null : (args[at + 1] ?? "address,undefined");
}

async function main(): Promise<number> {
  const tools = findToolchain(sanitizersAsked(process.argv));
  if (typeof tools === "string") {
    rmSync(ADDON_FILE, { force: true });
    process.stdout.write(`native engine: ${tools}: the portable engine serves\n`);
    return 0;
  }
  const startedMs = performance.now();
  try {
    const isChanged = await build(tools);
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    if (isChanged) process.stdout.write(`native engine: built in ${seconds} s\n`);
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof BuildError)) throw thrown;
    // An addon of older sources would be worse than none.
    rmSync(ADDON_FILE, { force: true });
    process.stderr.write(`${thrown.message}\n`);
    process.stderr.write(
      "NATIVE ENGINE: DOES NOT COMPILE (see above): the portable engine serves\n",
    );
    const mustBuild =
      readEnvironment("CI") !== null || readEnvironment("SLUICE_TEST_REQUIRE_ALL") !== null;
    return mustBuild ? 1 : 0;
  }
}

process.exitCode = await main();
