import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { runBench } from "../command.ts";
import type { BenchReport } from "../report.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "scenarios-test-"));
});
after(() => rm(folder, { recursive: true }));

/** Everything is real but the time that it takes. */
async function quickly(scenario: string, ...more: string[]): Promise<BenchReport> {
  const json = join(folder, `${scenario}.json`);
  const html = join(folder, `${scenario}.html`);
  let stderr = "";
  const argv = ["--scenario", scenario, "--quick", "--json", json, "--html", html, ...more];
  const io = {
    stdout: { write: () => undefined },
    stderr: { write: (text: string) => (stderr += text) },
  };
  const code = await runBench(argv, io);
  assert.equal(code, 0, stderr);
  assert.match(await readFile(html, "utf8"), /<h2 id=/);
  return JSON.parse(await readFile(json, "utf8")) as BenchReport;
}

function namesOf(report: BenchReport): string[] {
  return report.scenarios.flatMap((scenario) => scenario.figures.map((figure) => figure.name));
}

test("throughput: each protocol against fastify, with the server's CPU time and memory", async () => {
  const report = await quickly("throughput", "--duration-secs", "0.8");
  const protocols = ["http-json", "http-binary", "grpc", "websocket"];
  assert.deepEqual(
    namesOf(report),
    protocols.map((name) => `mlp ${name}: requests/s, sluice ${name} / fastify`),
  );
  const [scenario] = report.scenarios;
  assert.equal(scenario?.runs.length, protocols.length * 2);
  for (const run of scenario?.runs ?? []) {
    assert.equal(run.errorCount, 0, run.name);
    assert.ok(run.requests > 0, run.name);
    if (process.platform === "linux") {
      assert.ok((run.server?.rssBytes ?? 0) > 20e6, run.name);
      assert.ok((run.server?.peakRssBytes ?? 0) >= (run.server?.rssBytes ?? 0), run.name);
    }
  }
  assert.match(scenario?.notes[0] ?? "", /No peer was asked for/);
});

test("overhead: against the runtime alone and an echo of the same bytes", async () => {
  const report = await quickly("overhead", "--duration-secs", "0.8");
  assert.equal(namesOf(report).length, 6);
  const echo = report.scenarios[0]?.runs.find((run) => run.name === "echo http-json");
  assert.ok((echo?.requests ?? 0) > 0);
});

test("compute-bound: against the runtime alone, with the same batches", async () => {
  const report = await quickly("compute-bound", "--duration-secs", "0.8");
  assert.ok((report.scenarios[0]?.figures[0]?.ratio?.median ?? 0) > 0);
});

test("memory-by-threads and json-decode need no load to compare", async () => {
  const report = await quickly("memory-by-threads,json-decode");
  assert.deepEqual(
    report.scenarios.map((scenario) => [scenario.name, scenario.failure]),
    [
      ["json-decode", null],
      ["memory-by-threads", null],
    ],
  );
});
