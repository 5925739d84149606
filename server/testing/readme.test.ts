import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type DemoProcess, startDemo } from "../../pipelines/demo/testing/demo-process.ts";
import { explainDifference, type ReadmeBlock, readBlocks } from "./readme-blocks.ts";
import { needs } from "./skip.ts";
import { REPOSITORY_ROOT } from "./test-files.ts";

// Runs every block of README.md as a reader would, one after another, against the demo that
// `npm start` starts. Only ports and the home differ.

const README = readFileSync(join(REPOSITORY_ROOT, "README.md"), "utf8");
const BLOCKS = readBlocks(README);
const TSC = join(REPOSITORY_ROOT, "node_modules/typescript-native/bin/tsc");
/** `npm ci && npm start`, `npm ci && npm test`. */
const NOT_RUN = 2;
const REPEAT_FOR_MS = 60_000;

let folder = "";
let home = "";
let demo: DemoProcess | null = null;
let demoPrinted = "";
let replacements: [string, string][] = [];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-readme-"));
  home = join(folder, ".sluice");
  demo = startDemo(home, REPOSITORY_ROOT);
  const { input } = await demo.whenSaid(/Serving until Ctrl-C\.\n/);
  demoPrinted = input;
  const [, http = "", grpc = "", metrics = ""] =
    /http=http:\/\/(\S+) grpc=(\S+) metrics=http:\/\/(\S+)\/metrics/.exec(input) ?? [];
  const [, api = "", pipelinesMetrics = ""] =
    /api=http:\/\/(\S+) metrics=http:\/\/(\S+)\/metrics/.exec(input) ?? [];
  replacements = [
    ["127.0.0.1:5000", api],
    ["127.0.0.1:5002", pipelinesMetrics],
    ["127.0.0.1:8000", http],
    ["127.0.0.1:8001", grpc],
    ["127.0.0.1:8002", metrics],
    [".sluice/", `${home}/`],
    ["./dist/", `${REPOSITORY_ROOT}/dist/`],
  ];
});
after(async () => {
  demo?.stop("SIGTERM");
  await demo?.ended;
  rmSync(folder, { recursive: true });
});

/** Resolves with the standard output; rejects unless it exits with 0. */
function run(program: string, args: readonly string[]): Promise<string> {
  const env = {
    PATH: process.env["PATH"],
    HOME: folder,
    SLUICE_HOME: home,
    npm_config_update_notifier: "false",
    npm_config_offline: "true",
  };
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: REPOSITORY_ROOT, env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${error.message}\n${stdout}\n${stderr}`));
    });
  });
}

async function runTypeScript(text: string): Promise<string> {
  const source = join(folder, "snippet.mts");
  writeFileSync(source, text);
  const types = ["--types", "node", "--typeRoots", join(REPOSITORY_ROOT, "node_modules/@types")];
  const flags = [
    "--ignoreConfig",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--skipLibCheck",
  ];
  await run(process.execPath, [TSC, ...flags, ...types, source]);
  return run(process.execPath, [join(folder, "snippet.mjs")]);
}

function runBlock(block: ReadmeBlock): Promise<string> {
  const text = replacements.reduce((so, [from, to]) => so.replaceAll(from, to), block.text);
  return block.language === "ts" ? runTypeScript(text) : run("sh", ["-ec", text]);
}

/** Fails unless the block prints what is shown, by and by if it is marked so. */
async function check(block: ReadmeBlock): Promise<void> {
  const deadlineMs = performance.now() + REPEAT_FOR_MS;
  for (;;) {
    // curl answers with exit code 0 also where the server answers with an error.
    const printed = await runBlock(block);
    const difference = block.shown === null ? null : explainDifference(block.shown, printed);
    if (difference === null) return;
    if (!block.isRepeated || performance.now() > deadlineMs) assert.fail(difference);
  }
}

describe("README.md", () => {
  it("shows what npm start prints", () => {
    const [start] = BLOCKS;
    assert.equal(start?.text, "npm ci && npm start\n");
    const scripts = JSON.parse(readFileSync(join(REPOSITORY_ROOT, "package.json"), "utf8"));
    assert.equal(scripts.scripts.start, "node dist/server/main.js demo");
    // On a slow machine there are lines of progress in between.
    const printed = demoPrinted.replaceAll(/^.* vetting and loading it for .*\n/gm, "");
    assert.ok(start.shown !== null);
    assert.equal(explainDifference(start.shown, printed), null);
  });

  it("has no more blocks that are not run than it says", () => {
    assert.equal(BLOCKS.filter(({ notRun }) => notRun !== null).length, NOT_RUN);
    assert.ok(BLOCKS.length - NOT_RUN >= 11, "the blocks were not found");
    const runnable = BLOCKS.filter(({ notRun }) => notRun === null);
    assert.ok(runnable.every(({ shown }) => shown !== null));
    const languages = new Set(runnable.map(({ language }) => language));
    assert.deepEqual(languages, new Set(["sh", "ts"]));
  });

  for (const block of BLOCKS) {
    if (block.notRun !== null) continue;
    const parts = /\bcurl\b/.test(block.text) ? needs("curl") : {};
    const [title = ""] = block.text.split("\n");
    it(`line ${block.line}: ${title}`, parts, () => check(block));
  }

  it("links to what is there", () => {
    const targets = [...README.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target = ""]) => target);
    assert.ok(targets.length > 10);
    const missing = targets.filter((target) => !existsSync(join(REPOSITORY_ROOT, target)));
    assert.deepEqual(missing, []);
  });
});
