import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { needs } from "../server/testing/skip.ts";
import { scaleModel, slowModel } from "../server/testing/tiny-models.ts";
import type { NativeAddon } from "./addon.ts";
import { AddonBench } from "./testing/addon-bench.ts";

/** Far longer than any test: a run of this is always ended from outside. */
const ENDLESS_MS = 600_000;
const HOLD_MS = 150;
const MOST_ROWS = 8;
const ROW = [[1, 4]];

const row = (value: number) => new Float32Array(4).fill(value);

describe("a job that nobody waits for", needs("compiler"), () => {
  let bench: AddonBench;
  let addon: NativeAddon;

  before(() => {
    bench = new AddonBench();
    addon = bench.addon;
  });
  after(() => bench.end());

  it("is withdrawn before it has begun, and never answered", async () => {
    const { line, ask, answers } = await bench.open(slowModel(HOLD_MS), { engineThreads: 1 });
    const first = ask([row(1)], ROW);
    void ask([row(2)], ROW);
    const third = ask([row(3)], ROW);
    assert.equal(addon.cancel(line, 2), true);
    assert.equal(addon.cancel(line, 2), false);
    assert.deepEqual([(await first).status, (await third).status], ["done", "done"]);
    assert.deepEqual(
      answers.map(({ jobId }) => jobId),
      [1, 3],
    );
  });

  it("ends its run where it was the only one", async () => {
    const { line, ask } = await bench.open(slowModel(ENDLESS_MS), { engineThreads: 1 });
    // What follows shows that a run that was ended leaves nothing behind for the next.
    for (let run = 0, jobId = 1; run < 3; jobId += 1) {
      const asked = ask([row(1)], ROW);
      await new Promise(setImmediate);
      // Withdrawn: it had not begun yet.
      if (addon.cancel(line, jobId)) continue;
      const { status, batchRows } = await asked;
      assert.deepEqual([status, batchRows], ["cancelled", 1]);
      run += 1;
    }
  });

  it("leaves its run to those who still wait", async () => {
    const options = { engineThreads: 1, maxBatchRows: MOST_ROWS };
    const { line, ask } = await bench.open(scaleModel(2), options);
    const asked = Array.from({ length: MOST_ROWS }, (_, value) => ask([row(value)], ROW));
    const withdrawn = addon.cancel(line, 3);
    const kept = asked.filter((_, index) => !withdrawn || index !== 2);
    for (const answer of await Promise.all(kept)) {
      assert.equal(answer.status, "done");
      assert.deepEqual(answer.outputs[0]?.data, row(2 * (answer.jobId - 1)));
    }
  });

  it("is no other line's, and no mistake of ours ends the process", async () => {
    const { session, line, ask } = await bench.open(slowModel(HOLD_MS), { engineThreads: 1 });
    const other = bench.connect(session);
    const first = ask([row(1)], ROW);
    const second = ask([row(2)], ROW);
    assert.equal(addon.cancel(other.line, 2), false);
    assert.equal(addon.cancel(line, 99), false);
    assert.throws(() => addon.cancel(line, "2" as never), /expected jobId to be a number/);
    assert.deepEqual([(await first).status, (await second).status], ["done", "done"]);
  });
});
