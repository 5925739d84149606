/**
 * Builds dist/native/sluice.node out of native/src, as the last step of `npm run build`.
 *
 *     node dist/native/build-addon.js [--sanitize address,undefined]
 *
 * Without a compiler there is no addon, and the portable engine serves. A compile error is printed;
 * it fails the build only where CI or SLUICE_TEST_REQUIRE_ALL is set.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
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

const SOURCE_FOLDER = fileURLToPath(new URL("../../native/src/", import.meta.url));
const EXPORTS_FILE = join(SOURCE_FOLDER, "exports.map");
const BUILD_FOLDER = fileURLToPath(new URL("./build/", import.meta.url));
const ADDON_FILE = fileURLToPath(new URL("./sluice.node", import.meta.url));
const PLATFORMS: readonly NodeJS.Platform[] = ["linux", "darwin"];

const COMPILE_FLAGS = [
  ...WARNING_FLAGS,
  ..."-fPIC -fvisibility=hidden".split(" "),
  "-DNAPI_VERSION=8",
  "-DNODE_GYP_MODULE_NAME=sluice",
];
const FAST_FLAGS = ["-O3"];

/** The tools of this system, or why there are none. */
function findToolchain(sanitizers: string | null): Toolchain | string {
  if (!PLATFORMS.includes(process.platform)) return `it is not built on ${process.platform}`;
  const headers = findHeaders();
  if (headers === null) return "node-api-headers is not installed";
  const compiler = findCompiler();
  if (typeof compiler === "string") return compiler;
  const extra =
    sanitizers === null
      ? FAST_FLAGS
      : [
          ...["-O1", "-g", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all"],
          `-fsanitize=${sanitizers}`,
        ];
  return {
    compiler,
    compileFlags: [...COMPILE_FLAGS, ...extra],
    linkFlags: linkFlags(sanitizers),
    headers: [headers],
    buildFolder: BUILD_FOLDER,
  };
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

/** @returns whether anything was done */
async function build(tools: Toolchain): Promise<boolean> {
  const objects = await compileAll(tools, listSources(SOURCE_FOLDER));
  const linkedFile = join(BUILD_FOLDER, "linked.txt");
  const key = hashOf(...objects, ...tools.linkFlags, keyOf(tools.compiler));
  const isLinked = existsSync(linkedFile) && readFileSync(linkedFile, "utf8") === key;
  if (isLinked && existsSync(ADDON_FILE)) return false;
  await link(tools, objects, ADDON_FILE);
  writeFileSync(linkedFile, key);
  removeStaleObjects(BUILD_FOLDER, objects);
  return true;
}

function sanitizersAsked(args: readonly string[]): string | null {
  const at = args.indexOf("--sanitize");
  return at === -1 ? null : (args[at + 1] ?? "address,undefined");
}

function mustBuild(): boolean {
  // biome-ignore lint/style/noProcessEnv: a build step, started by npm
  const { CI = "", SLUICE_TEST_REQUIRE_ALL = "" } = process.env;
  return CI !== "" || SLUICE_TEST_REQUIRE_ALL !== "";
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
    return mustBuild() ? 1 : 0;
  }
}

process.exitCode = await main();
