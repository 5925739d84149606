import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, sep } from "node:path";
import { after, before, describe, it } from "node:test";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import { REPOSITORY_ROOT } from "./test-files.ts";

const FOLDERS = ["server", "protocols", "native", "bench", "pipelines"];
const CONFIG = join(REPOSITORY_ROOT, ".dependency-cruiser.cjs");

/** A wrong import for every rule: file, and what it imports. The named rule must report it. */
const PLANTS: Readonly<Record<string, readonly [file: string, imports: string]>> = {
  "no-cycles": ["protocols/core/cycle-a.ts", "./cycle-b.ts"],
  "protocols-import-nobody": ["protocols/stream/p.ts", "../../server/lib/innocent.ts"],
  "native-imports-nobody": ["native/p.ts", "../protocols/core/innocent.ts"],
  "codecs-share-core-only": ["protocols/oip-rest/p.ts", "../oip-grpc/innocent.ts"],
  "stream-speaks-oip-rest": ["protocols/stream/q.ts", "../oip-grpc/innocent.ts"],
  "core-is-the-bottom": ["protocols/core/p.ts", "../oip-rest/innocent.ts"],
  "lib-knows-no-domain": ["server/lib/p.ts", "../models/innocent.ts"],
  "models-is-the-core": ["server/models/p.ts", "../transport/innocent.ts"],
  "plugins-see-interfaces": ["server/sources/p.ts", "../models/innocent.ts"],
  "plugins-stay-apart": ["server/engine/p.ts", "../sources/innocent.ts"],
  "request-is-below-transport": ["server/request/p.ts", "../transport/innocent.ts"],
  "request-sees-leases": ["server/request/q.ts", "../models/innocent.ts"],
  "transport-reaches-models-through-request": ["server/transport/p.ts", "../models/innocent.ts"],
  "access-knows-no-transport": ["server/access/p.ts", "../transport/innocent.ts"],
  "sidecars-speak-the-wire": ["pipelines/p.ts", "../server/models/innocent.ts"],
  "load-is-made-by-bench": ["pipelines/p-load.ts", "../native/build-load-generator-innocent.ts"],
  "server-knows-no-sidecar": ["server/app.ts", "../bench/innocent.ts"],
  "one-native-seam": ["server/transport/native.ts", "../../native/innocent.ts"],
  "one-socket-seam": ["server/request/r.ts", "uWebSockets.js"],
  "one-onnx-seam": ["server/models/q.ts", "onnxruntime-node"],
  "one-duckdb-seam": ["pipelines/p-duckdb.ts", "@duckdb/node-api"],
  "one-libsql-seam": ["pipelines/p-libsql.ts", "libsql"],
  "tests-are-leaves": ["server/models/r.ts", "../testing/innocent.ts"],
  "no-undeclared-package": ["server/lib/q.ts", "a-package-that-nobody-declared"],
};
/** Closes the planted cycle. */
const BACK_EDGE = ["protocols/core/cycle-b.ts", "./cycle-a.ts"] as const;

async function cruiseTree(root: string, folders: readonly string[]): Promise<ICruiseResult> {
  const { default: extractOptions } = await import(
    "dependency-cruiser/config-utl/extract-depcruise-options"
  );
  const options = await extractOptions(CONFIG);
  const { output } = await cruise([...folders], { ...options, baseDir: root });
  assert.ok(typeof output === "object", "dependency-cruiser gave text, not a result");
  return output;
}

function violationsOf(result: ICruiseResult): readonly string[] {
  return result.summary.violations
    .filter((v) => v.rule.severity === "error")
    .map((v) => `${v.rule.name}: ${v.from} -> ${v.to}`);
}

function listSources(root: string, folder: string): readonly string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".ts") && !path.endsWith(".d.ts"))
    .map((path) => `${folder}/${path.split(sep).join("/")}`);
}

async function put(root: string, path: string, body: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), body);
}

describe("the arrows of the architecture", () => {
  it("hold in the whole tree, and every source file was read", async () => {
    const sources = FOLDERS.flatMap((folder) => listSources(REPOSITORY_ROOT, folder));
    const folders = FOLDERS.filter((folder) => existsSync(join(REPOSITORY_ROOT, folder)));
    const result = await cruiseTree(REPOSITORY_ROOT, folders);
    assert.deepEqual(violationsOf(result), []);
    const read = new Set(result.modules.map((module) => module.source));
    assert.deepEqual(
      sources.filter((path) => !read.has(path)),
      [],
      "files that dependency-cruiser did not read",
    );
    assert.ok(sources.length > 0 && result.summary.totalCruised >= sources.length);
  });
});

describe("each rule fails on a planted wrong import", () => {
  let root = "";
  let violations: readonly string[] = [];
  let ruleNames: readonly string[] = [];

  before(async () => {
    root = await realpath(await mkdtemp(join(tmpdir(), "sluice-arrows-")));
    const dependencies = { "uWebSockets.js": "1.0.0", "onnxruntime-node": "1.0.0" };
    await put(root, "package.json", JSON.stringify({ type: "module", dependencies }));
    for (const name of Object.keys(dependencies)) {
      await put(root, `node_modules/${name}/package.json`, JSON.stringify({ name, main: "i.js" }));
      await put(root, `node_modules/${name}/i.js`, "");
    }
    for (const [file, imports] of [...Object.values(PLANTS), BACK_EDGE]) {
      await put(root, file, `import "${imports}";\n`);
      if (imports.endsWith("innocent.ts")) {
        await put(root, join(dirname(file), imports), "export const innocent = 1;\n");
      }
    }
    const config = (await import(CONFIG)) as { default: { forbidden: { name: string }[] } };
    ruleNames = config.default.forbidden.map((rule) => rule.name);
    violations = violationsOf(await cruiseTree(root, FOLDERS));
  });
  after(() => rm(root, { recursive: true }));

  it("and no rule is without a plant", () => {
    assert.deepEqual([...ruleNames].sort(), Object.keys(PLANTS).sort());
  });

  for (const [rule, [file, imports]] of Object.entries(PLANTS)) {
    it(rule, () => {
      const found = violations.some((v) => v.startsWith(`${rule}: ${file} -> `));
      assert.ok(
        found,
        `${file} importing ${imports} was not reported; got\n${violations.join("\n")}`,
      );
    });
  }
});

describe("the native packages", () => {
  const seams = [
    { name: "uWebSockets.js", home: /^(server\/transport|bench\/baseline)\// },
    { name: "onnxruntime-node", home: /^(server\/engine|bench)\// },
  ];
  for (const { name, home } of seams) {
    it(`${name} is not loaded past the rules by require()`, () => {
      const loads = new RegExp(`require\\b.*\\(["']${name.replace(".", "\\.")}["']\\)`, "i");
      const outside = FOLDERS.flatMap((folder) => listSources(REPOSITORY_ROOT, folder))
        .filter((path) => !home.test(path) && !/\.test\.ts$|\/testing\//.test(path))
        .filter((path) => loads.test(readFileSync(join(REPOSITORY_ROOT, path), "utf8")));
      assert.deepEqual(outside, []);
    });
  }
});
