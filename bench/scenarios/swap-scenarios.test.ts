import assert from "node:assert/strict";
import { test } from "node:test";
import { runQuickly } from "../testing/run-quickly.ts";

test("hot-swap and sibling-reload: versions come to serve beside the load, and no request fails", async () => {
  const report = await runQuickly("hot-swap,sibling-reload", "--duration-secs", "0.8");
  const [swap, reload] = report.scenarios;
  assert.deepEqual([swap?.failure, reload?.failure], [null, null]);
  assert.equal(swap?.figures.filter((figure) => /failed requests/.test(figure.name)).length, 4);
  assert.ok(
    swap?.notes.some((note) => /^http-json: [1-9]\d* swaps/.test(note)),
    `${swap?.notes}`,
  );
  for (const run of [...(swap?.runs ?? []), ...(reload?.runs ?? [])]) {
    assert.deepEqual(run.errors, {}, run.name);
  }
});
