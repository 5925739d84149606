import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { JobFile } from "./job.ts";
import { startJob } from "./start-job.ts";

/** What a job's process may do instead of its work: code that runs in it first. */
describe("the end of a job's process", () => {
  let root = "";
  let folder = "";
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "sluice-job-"));
    folder = join(root, "1");
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function start(code: string, timeoutMs = 60_000) {
    const script = join(root, "instead.cjs");
    writeFileSync(
      script,
      `const fs = require("node:fs"); const folder = ${JSON.stringify(folder)};\n${code}`,
    );
    const job = {
      schemaVersion: 1,
      runId: "r",
      kind: "vet",
      spec: {},
    } as unknown as JobFile<"vet">;
    const env = { PATH: process.env["PATH"], NODE_OPTIONS: `--require ${script}` };
    return startJob({ folder, job, env, timeoutMs });
  }
  const endOf = (code: string, timeoutMs?: number) => start(code, timeoutMs).ended;

  it("is what its result says", async () => {
    const end = await endOf(
      `fs.writeFileSync(folder + "/result.json", '{"outcome":"passed"}'); process.exit(0);`,
    );
    assert.deepEqual(end, { outcome: "result", result: { outcome: "passed" } });
  });

  it("is lost with a torn result", async () => {
    const end = await endOf(
      `fs.writeFileSync(folder + "/result.json", '{"outcome":"pas'); process.exit(0);`,
    );
    assert.equal(end.outcome, "lost");
    assert.match(end.outcome === "lost" ? end.message : "", /result\.json: cannot be read/);
  });

  it("is lost without a result, whatever its exit code", async () => {
    const end = await endOf("process.exit(0);");
    assert.deepEqual(end, { outcome: "lost", message: "ended with exit code 0 and no result" });
  });

  it("is lost when it was killed, with the last that it said", async () => {
    const end = await endOf(
      `fs.writeSync(2, "first\\nlast words\\n"); process.kill(process.pid, "SIGKILL");`,
    );
    assert.deepEqual(end, { outcome: "lost", message: "killed by SIGKILL: last words" });
    assert.equal(readFileSync(join(folder, "stderr.log"), "utf8"), "first\nlast words\n");
  });

  it("is failed as its failure says, and transient when there was no room to say it", async () => {
    const failure = `fs.writeFileSync(folder + "/failure.json", '{"message":"no such table","isTransient":false}');`;
    assert.deepEqual(await endOf(`${failure} process.exit(1);`), {
      outcome: "failed",
      message: "no such table",
      isTransient: false,
    });
    rmSync(folder, { recursive: true });
    const end = await endOf(`fs.writeSync(2, "no room\\n"); process.exit(75);`);
    assert.deepEqual(end, {
      outcome: "failed",
      message: "ended with exit code 75 and no result: no room",
      isTransient: true,
    });
  });

  it("is told without the control characters of what it printed", async () => {
    const end = await endOf(`fs.writeSync(2, "a\\0b\\x1b[31mc\\n"); process.exit(3);`);
    assert.deepEqual(end, {
      outcome: "lost",
      message: "ended with exit code 3 and no result: a\ufffdb\ufffd[31mc",
    });
  });

  it("keeps of garbage on standard output no more than so much a line, and the metrics between", async () => {
    const started = start(`
      const say = (text) => fs.writeSync(1, text);
      say('{"metric":"good","value":2,"step":3}\\n');
      say('{"metric":"bad"\\n{"metric":7,"value":1}\\n{"metric":"nul\\\\u0000","value":1}\\n\\0\\xff\\n');
      for (let count = 0; count < 64; count += 1) say("x".repeat(16384));
      say('\\n{"metric":"after","value":1}');
      process.exit(1);`);
    await started.ended;
    assert.deepEqual(started.metrics, [
      { key: "good", value: 2, step: 3 },
      { key: "after", value: 1, step: 0 },
    ]);
    assert.ok(statSync(join(folder, "log.ndjson")).size < 70_000);
  });

  it("comes when it hangs, and says how long it ran", async () => {
    const hang =
      "process.on('SIGTERM', () => process.exit(0)); while (process.uptime() < 3) {} setInterval(() => null, 1000); return;";
    const end = await endOf(`(() => { ${hang} })();`, 200);
    assert.equal(end.outcome, "lost");
    assert.match(end.outcome === "lost" ? end.message : "", /^ran longer than 0\.2 s/);
  });
});
