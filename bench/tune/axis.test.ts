import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { START as ONE_THREAD } from "../testing/tuned-of.ts";
import { type AxisFacts, fitsMachine, planAxes } from "./axis.ts";
import { TUNED_KEYS, type TunedKey } from "./tuned-settings.ts";

const START = { ...ONE_THREAD, threads: 2 };

function plan(facts: Partial<AxisFacts> = {}) {
  const load = { rowsInFlight: 32, canBatch: true, isNative: true, isGrpc: false };
  return planAxes({ start: START, cores: 6, ...load, only: [], ...facts }, TUNED_KEYS);
}

function armsOf(key: TunedKey, facts: Partial<AxisFacts> = {}) {
  return plan(facts).axes.find((axis) => axis.key === key)?.arms;
}

describe("what is worth a measurement", () => {
  test("all settings, in their order, away from the start", () => {
    assert.deepEqual(plan(), {
      axes: [
        { key: "threads", arms: [[4, 6], [1]] },
        { key: "engineThreads", arms: [[1], [2], [4], [6]] },
        { key: "intraOpThreads", arms: [[1], [2], [4], [6]] },
        { key: "maxBatchRows", arms: [[16, 4], [1]] },
        { key: "inlineBudgetUs", arms: [[1000, 5000], [50], [0]] },
      ],
      skipped: [],
    });
  });

  test("no batch limit that this load cannot reach, twice", () => {
    assert.deepEqual(armsOf("maxBatchRows", { rowsInFlight: 100 }), [[256], [16, 4], [1]]);
    assert.deepEqual(armsOf("maxBatchRows", { rowsInFlight: 4 }), [[1]]);
    const start = { ...START, maxBatchRows: 8 };
    assert.deepEqual(armsOf("maxBatchRows", { rowsInFlight: 32, start }), [[16, 64], [4], [1]]);
    assert.equal(armsOf("maxBatchRows", { rowsInFlight: 1 }), undefined);
  });

  test("what cannot matter is left out, with the reason", () => {
    const { axes, skipped } = plan({ cores: 1, canBatch: false, isNative: false, isGrpc: true });
    assert.deepEqual(
      axes.map(({ key }) => key),
      ["engineThreads", "intraOpThreads"],
    );
    assert.deepEqual(skipped, [
      { key: "threads", why: "gRPC has one serving thread" },
      { key: "maxBatchRows", why: "the model's first dimension is fixed" },
      { key: "inlineBudgetUs", why: "the portable engine has no inline runs" },
    ]);
  });

  test("only what was asked for", () => {
    const only: TunedKey[] = ["inlineBudgetUs", "threads"];
    assert.deepEqual(
      plan({ only }).axes.map(({ key }) => key),
      ["threads", "inlineBudgetUs"],
    );
  });

  test("the cores bound threads, and engine threads times their threads", () => {
    assert.ok(fitsMachine({ ...START, threads: 6, engineThreads: 3, intraOpThreads: 2 }, 6));
    assert.ok(!fitsMachine({ ...START, threads: 7 }, 6));
    assert.ok(!fitsMachine({ ...START, engineThreads: 3, intraOpThreads: 3 }, 6));
    assert.ok(fitsMachine({ ...START, intraOpThreads: 6 }, 6));
  });
});
