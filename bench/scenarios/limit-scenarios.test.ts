import assert from "node:assert/strict";
import { test } from "node:test";
import { bestDirectBinding } from "../contender.ts";
import { figureNames, runQuickly } from "../testing/run-quickly.ts";

const noAddon = bestDirectBinding() === "addon" ? false : "the addon is not built here";

test("ablations: each choice on and off", { skip: noAddon }, async () => {
  const report = await runQuickly("ablations", "--duration-secs", "0.4");
  assert.equal(report.scenarios[0]?.failure, null);
  assert.ok(figureNames(report).length > 6);
});

test("overload: what was offered beyond capacity has an outcome each", async () => {
  const report = await runQuickly("overload");
  const [scenario] = report.scenarios;
  assert.equal(scenario?.failure, null);
  const overloaded = scenario?.runs.filter((run) => / at \d+x$/.test(run.name)) ?? [];
  assert.equal(overloaded.length, 2);
  for (const { outcomes, ratePerSec, durationSecs } of overloaded) {
    const counts = Object.values(outcomes ?? {});
    const offered = counts.reduce((sum, count) => sum + count, 0);
    assert.ok(Math.abs(offered - (ratePerSec ?? 0) * durationSecs) < 2, counts.join());
  }
});
