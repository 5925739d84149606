import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";

const RUNNER_FILES = ["run-tests.js", "test-files.js", "test-tally.js"];
const HEAD = 'import { describe, it } from "node:test";\n';

describe("run-tests", () => {
  let root = "";

  before(async () => {
    root = await mkdtemp(join(tmpdir(), "sluice-run-tests-"));
    const home = join(root, "dist/server/testing");
    await mkdir(home, { recursive: true });
    await writeFile(join(root, "package.json"), '{ "type": "module" }');
    for (const file of RUNNER_FILES) await cp(join(import.meta.dirname, file), join(home, file));
    await plant("good/pass", 'it("adds", () => {});');
    await plant("good/skip", 'it("swims", { skip: "needs water" }, () => {});');
    await plant(
      "good/suite",
      'describe("sails", { skip: "needs wind" }, () => { it("x", () => {}); });',
    );
    await plant("bad/fail", 'it("breaks", () => { throw new Error("as planned"); });');
    await writeFile(join(root, "dist/good/stale.test.js"), 'throw new Error("stale");');
  });
  after(() => rm(root, { recursive: true }));

  async function plant(name: string, body: string): Promise<void> {
    const compiled = join(root, "dist", `${name}.test.js`);
    const source = join(root, `${name}.test.ts`);
    for (const path of [compiled, source]) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, HEAD + body);
    }
  }

  async function runTests(args: readonly string[], env: Record<string, string> = {}) {
    const { NODE_TEST_CONTEXT: _, SLUICE_TEST_REQUIRE_ALL: __, ...clean } = process.env;
    const child = spawn(
      process.execPath,
      [join(root, "dist/server/testing/run-tests.js"), ...args],
      { cwd: root, env: { ...clean, ...env }, stdio: ["ignore", "pipe", "pipe"] },
    );
    const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await closed, out, err, last: out.trimEnd().split("\n").at(-1) };
  }

  it("counts, names each skip with its reason and ends in the plain line", async () => {
    const run = await runTests(["good"]);
    assert.equal(run.code, 0, run.out + run.err);
    assert.equal(run.last, "1 passed, 0 failed, 2 skipped");
    assert.match(run.out, /^# pass 1$/m);
    assert.match(run.out, /Skipped, and why:\n {2}good\/skip\.test\.ts 'swims': needs water\n/);
    assert.match(run.out, /good\/suite\.test\.ts 'sails': needs wind/);
  });

  it("fails when a test fails, and shows the failure", async () => {
    const run = await runTests([]);
    assert.equal(run.code, 1);
    assert.equal(run.last, "1 passed, 1 failed, 2 skipped");
    assert.match(run.out, /as planned/);
  });

  it("counts each skip as a failure where everything must run", async () => {
    const run = await runTests(["good"], { SLUICE_TEST_REQUIRE_ALL: "1" });
    assert.equal(run.code, 1);
    assert.equal(run.last, "1 passed, 2 failed, 0 skipped");
  });

  it("takes one file by its source path", async () => {
    const run = await runTests(["good/pass.test.ts"], { SLUICE_TEST_REQUIRE_ALL: "1" });
    assert.equal(run.code, 0, run.out + run.err);
    assert.equal(run.last, "1 passed, 0 failed, 0 skipped");
  });

  it("refuses a path that no test matches", async () => {
    const run = await runTests(["good/nothing"]);
    assert.equal(run.code, 1);
    assert.match(run.err, /no compiled test matches 'good\/nothing'/);
  });
});
