import { existsSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  BuildError,
  compileAll,
  findCompiler,
  hashOf,
  keyOf,
  link,
  listSources,
  removeStaleObjects,
  type Toolchain,
  WARNING_FLAGS,
} from "./toolchain.ts";

/** The executable of native/load, or why there is none. */
export type LoadGeneratorBuild =
  | { readonly file: string; readonly reason: null }
  | { readonly file: null; readonly reason: string };

const SOURCE_FOLDER = fileURLToPath(new URL("../../native/load/", import.meta.url));
const BUILD_FOLDER = fileURLToPath(new URL("./build-load/", import.meta.url));
const NAME = "load-generator-";
const COMPILE_FLAGS = [...WARNING_FLAGS, "-O2"];
const LINK_FLAGS = ["-pthread"];

const UNUSED_MS = 24 * 60 * 60 * 1000;

let building: Promise<LoadGeneratorBuild> | null = null;

/**
 * Builds the load generator on first use (about 10 s of one core) and keeps it beside the addon's
 * build; sources or a compiler that changed make another. Never rejects for want of tools.
 */
export function buildLoadGenerator(): Promise<LoadGeneratorBuild> {
  building ??= tryBuild();
  return building;
}

async function tryBuild(): Promise<LoadGeneratorBuild> {
  const compiler = process.platform === "linux" ? findCompiler() : "it needs Linux";
  if (typeof compiler === "string") return { file: null, reason: compiler };
  const tools: Toolchain = {
    compiler,
    compileFlags: COMPILE_FLAGS,
    linkFlags: LINK_FLAGS,
    headers: [],
    buildFolder: BUILD_FOLDER,
  };
  try {
    return { file: await build(tools), reason: null };
  } catch (thrown) {
    return { file: null, reason: explain(thrown) };
  }
}

async function build(tools: Toolchain): Promise<string> {
  const objects = await compileAll(tools, listSources(SOURCE_FOLDER));
  const name = NAME + hashOf(...objects, ...tools.linkFlags, keyOf(tools.compiler));
  const file = join(BUILD_FOLDER, name);
  if (existsSync(file)) {
    // In use, as removeOthers sees it.
    utimesSync(file, new Date(), new Date());
    return file;
  }
  await link(tools, objects, file);
  removeStaleObjects(BUILD_FOLDER, objects);
  removeOthers(name);
  return file;
}

/** A bench that runs starts its executable again for each load: only what nobody used for long goes. */
function removeOthers(name: string): void {
  const oldestMs = Date.now() - UNUSED_MS;
  for (const other of readdirSync(BUILD_FOLDER)) {
    if (!other.startsWith(NAME) || other === name) continue;
    const path = join(BUILD_FOLDER, other);
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < oldestMs)
      rmSync(path, { force: true });
  }
}

/** @throws what is no failure of the tools or of the folder */
function explain(thrown: unknown): string {
  if (thrown instanceof BuildError) {
    const line =
      thrown.message.split("\n").find((each) => each.includes("error")) ?? thrown.message;
    return `it does not compile: ${line.trim()}`;
  }
  if (thrown instanceof Error && "syscall" in thrown) return thrown.message;
  throw thrown;
}
