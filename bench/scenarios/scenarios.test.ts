import assert from "node:assert/strict";
import { test } from "node:test";
import { figureNames, runQuickly } from "../testing/run-quickly.ts";

test("throughput: each protocol against fastify, with the server's CPU time and memory", async () => {
  const report = await runQuickly("throughput", "--duration-secs", "0.8");
  const protocols = ["http-json", "http-binary", "grpc", "websocket"];
  assert.deepEqual(
    figureNames(report),
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
  const report = await runQuickly("overhead", "--duration-secs", "0.8");
  assert.equal(figureNames(report).length, 6);
  const echo = report.scenarios[0]?.runs.find((run) => run.name === "echo http-json");
  assert.ok((echo?.requests ?? 0) > 0);
});

test("compute-bound: against the runtime alone, with the same batches", async () => {
  const report = await runQuickly("compute-bound", "--duration-secs", "0.8");
  assert.ok((report.scenarios[0]?.figures[0]?.ratio?.median ?? 0) > 0);
});

test("memory-by-threads and json-decode need no load to compare", async () => {
  const report = await runQuickly("memory-by-threads,json-decode");
  assert.deepEqual(
    report.scenarios.map((scenario) => [scenario.name, scenario.failure]),
    [
      ["json-decode", null],
      ["memory-by-threads", null],
    ],
  );
});
