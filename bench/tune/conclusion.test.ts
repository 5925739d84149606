import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { measuredOf, START } from "../testing/tuned-of.ts";
import type { Axis } from "./axis.ts";
import { conclude, isRight } from "./conclusion.ts";
import type { SearchResult } from "./search.ts";
import type { Trial, Verdict } from "./trial.ts";

const CHOSEN = { ...START, threads: 2 };
const AXES: readonly Axis[] = [
  { key: "threads", arms: [[2]] },
  { key: "maxBatchRows", arms: [[16]] },
];

function trial(key: Trial["key"], to: number, verdict: Verdict): Trial {
  const settings = { ...START, [key]: to };
  return {
    key,
    from: START[key],
    to,
    settings,
    first: measuredOf({ p99Ms: [3, 4] }),
    second: null,
    verdict,
  };
}

function searchResultOf(changes: Partial<SearchResult>): SearchResult {
  return {
    start: START,
    chosen: CHOSEN,
    trials: [trial("threads", 2, "better"), trial("maxBatchRows", 16, "not-better")],
    finalCheck: measuredOf({ p99Ms: [5, 7] }),
    isFinalCheckPassed: true,
    untried: [],
    ...changes,
  };
}

function settledIn(changes: Partial<SearchResult>, p99LimitMs: number | null = null) {
  return Object.fromEntries(conclude(searchResultOf(changes), AXES, p99LimitMs).settled);
}

describe("what is concluded", () => {
  test("a gain and a loss both settle their setting", () => {
    assert.deepEqual(settledIn({}), { threads: 2, maxBatchRows: 64 });
    const { figures, unsettled } = conclude(searchResultOf({}), AXES, null);
    assert.deepEqual([figures?.p99Ms, unsettled], [5, []]);
  });

  test("noise, or no time, leaves a setting as it is", () => {
    const trials = [trial("threads", 2, "better"), trial("maxBatchRows", 16, "too-noisy")];
    const noisy = searchResultOf({ trials });
    assert.deepEqual(settledIn({ trials }), { threads: 2 });
    assert.deepEqual(conclude(noisy, AXES, null).unsettled, ["maxBatchRows"]);
    assert.ok(!isRight(noisy, conclude(noisy, AXES, null)));
    const untried = [{ key: "maxBatchRows", values: [16] }] as const;
    assert.deepEqual(settledIn({ trials: trials.slice(0, 1), untried }), { threads: 2 });
  });

  test("a gain that the last check did not see is none", () => {
    const fallen = searchResultOf({ chosen: START, isFinalCheckPassed: false });
    const conclusion = conclude(fallen, AXES, null);
    assert.deepEqual([...conclusion.settled], [["maxBatchRows", 64]]);
    assert.equal(conclusion.figures?.p99Ms, 7);
    assert.ok(!isRight(fallen, conclusion));
  });

  test("nothing is settled beyond the limit of p99", () => {
    assert.deepEqual(settledIn({}, 4.9), {});
    assert.deepEqual(settledIn({}, 5), { threads: 2, maxBatchRows: 64 });
    const result = searchResultOf({});
    assert.ok(isRight(result, conclude(result, AXES, 5)));
    assert.ok(!isRight(result, conclude(result, AXES, 4.9)));
  });

  test("without a find the figures are those of the start, and without a trial there are none", () => {
    const lost = { chosen: START, trials: [trial("threads", 2, "not-better")], finalCheck: null };
    assert.equal(conclude(searchResultOf(lost), AXES, null).figures?.p99Ms, 4);
    const none = searchResultOf({ chosen: START, trials: [], finalCheck: null });
    assert.equal(conclude(none, AXES, 1).isWithinLimit, null);
  });

  test("a candidate that failed is no success, but settles the question", () => {
    const failed = searchResultOf({ trials: [trial("threads", 2, "failed")], chosen: START });
    assert.ok(!isRight(failed, conclude(failed, AXES, null)));
    assert.equal(conclude(failed, AXES, null).settled.get("threads"), 1);
  });
});
