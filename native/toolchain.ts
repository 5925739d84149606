/**
 * Compiles and links C++ into a build folder. An object's name holds the hash of all that decides its
 * content, so an unchanged tree costs nothing and a changed file is compiled alone. A result is renamed
 * into place: a process that runs keeps the file that it has.
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
  statSync,
} from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";

const COMPILERS = ["g++", "clang++"];
export const WARNING_FLAGS: readonly string[] = "-std=c++20 -pthread -Wall -Wextra -Werror".split(
  " ",
);
/** Node's own process brings no libstdc++ that a build on another system could count on. */
const STATIC_RUNTIME_FLAGS = ["-static-libstdc++", "-static-libgcc"];

const STALE_MS = 60 * 60 * 1000;

export interface Compiler {
  /** A command and flags of its own. */
  readonly command: string;
  /** What `--version` says: another compiler makes other objects. */
  readonly version: string;
}

export interface Toolchain {
  readonly compiler: Compiler;
  readonly compileFlags: readonly string[];
  readonly linkFlags: readonly string[];
  /** Folders of headers that are not ours. */
  readonly headers: readonly string[];
  /** Where objects are kept. */
  readonly buildFolder: string;
}

/** A command that failed: what it printed. */
export class BuildError extends Error {}

/** The first compiler that answers, or why there is none. */
export function findCompiler(): Compiler | string {
  // biome-ignore lint/style/noProcessEnv: a build step; CXX is how a compiler is named
  const named = process.env["CXX"] ?? "";
  for (const command of named === "" ? COMPILERS : [named]) {
    const version = versionOf(command);
    if (version !== null) return { command, version };
  }
  return named === "" ? "no C++ compiler" : `no C++ compiler at CXX (${named})`;
}

function versionOf(compiler: string): string | null {
  const [program = "", ...flags] = compiler.split(" ");
  const result = spawnSync(program, [...flags, "--version"], { encoding: "utf8" });
  return result.status === 0 ? result.stdout : null;
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

/** Of names and contents, for names of files. */
export function hashOf(...parts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  return hash.digest("hex").slice(0, 16);
}

/** What decides the content of all that it makes. */
export function keyOf({ command, version }: Compiler): string {
  return hashOf(command, version);
}

/** The C++ files of a folder, their paths in order. */
export function listSources(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".cc"));
  return names.sort().map((name) => join(folder, name));
}

function run(compiler: Compiler, args: readonly string[]): Promise<void> {
  const [program = "", ...flags] = compiler.command.split(" ");
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
  const key = hashOf(keyOf(tools.compiler), tools.compileFlags.join(" "), text);
  const object = join(tools.buildFolder, `${basename(source, ".cc")}-${key}.o`);
  if (existsSync(object)) return object;
  await writeWhole(object, (temporary) =>
    run(tools.compiler, [
      ...tools.compileFlags,
      ...tools.headers.flatMap((folder) => ["-isystem", folder]),
      ...["-c", source, "-o", temporary],
    ]),
  );
  return object;
}

/**
 * As many at a time as there are cores.
 * @returns the objects' paths, in order; those that were there already among them
 * @throws BuildError the first one, once all have ended
 */
export async function compileAll(tools: Toolchain, sources: readonly string[]): Promise<string[]> {
  mkdirSync(tools.buildFolder, { recursive: true });
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

/** @throws BuildError */
export async function link(
  tools: Toolchain,
  objects: readonly string[],
  target: string,
): Promise<void> {
  const args = [...objects, ...tools.linkFlags];
  await writeWhole(target, async (temporary) => {
    try {
      await run(tools.compiler, [...args, ...STATIC_RUNTIME_FLAGS, "-o", temporary]);
    } catch {
      // No static runtime on this system (macOS never has one).
      await run(tools.compiler, [...args, "-o", temporary]);
    }
  });
}

/** Removes objects of earlier sources, but none so young that another build may need it yet. */
export function removeStaleObjects(buildFolder: string, objects: readonly string[]): void {
  const kept = new Set(objects.map((path) => basename(path)));
  const oldestMs = Date.now() - STALE_MS;
  for (const name of readdirSync(buildFolder)) {
    if (kept.has(name) || !name.endsWith(".o")) continue;
    const path = join(buildFolder, name);
    const isStale = (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < oldestMs;
    if (isStale) rmSync(path, { force: true });
  }
}
