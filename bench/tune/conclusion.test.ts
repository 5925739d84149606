import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { summariseRatios } from "../ratio.ts";
import type { Axis } from "./axis.ts";
import { conclude, isRight } from "./conclusion.ts";
import type { SearchResult } from "./search.ts";
import type { Outcome, Trial, Verdict } from "./trial.ts";
import type { TunedSettings } from "./tuned-settings.ts";

const START: TunedSettings = {
  threads: 1,
  engineThreads: 0,
  intraOpThreads: 0,
  maxBatchRows: 64,
  inlineBudgetUs: 200,
};
const CHOSEN = { ...START, threads: 2 };
const AXES: readonly Axis[] = [
  { key: "threads", arms: [[2]] },
  { key: "maxBatchRows", arms: [[16]] },
];

/** p99 of the candidate and of the best. */
function measured(candidateP99Ms: number, bestP99Ms: number): Outcome {
  const ratio = summariseRatios([1.2], [1], 0);
  const side = (p99Ms: number) => ({ requestsPerSec: 1, p99Ms, cpuUsPerAnswer: null });
  return {
    kind: "measured",
    requestsRatio: ratio,
    p99Ratio: ratio,
    candidate: side(candidateP99Ms),
    best: side(bestP99Ms),
  };
}

function trial(key: Trial["key"], to: number, verdict: Verdict): Trial {
  const settings = { ...START, [key]: to };
  return { key, from: START[key], to, settings, first: measured(3, 4), second: null, verdict };
}

function resultOf(changes: Partial<SearchResult>): SearchResult {
  return {
    start: START,
    chosen: CHOSEN,
    trials: [trial("threads", 2, "better"), trial("maxBatchRows", 16, "not-better")],
    finalCheck: measured(5, 7),
    isFinalCheckPassed: true,
    untried: [],
    ...changes,
  };
}

function settledIn(changes: Partial<SearchResult>, p99LimitMs: number | null = null) {
  return Object.fromEntries(conclude(resultOf(changes), AXES, p99LimitMs).settled);
}

describe("what is concluded", () => {
  test("a gain and a loss both settle their setting", () => {
    assert.deepEqual(settledIn({}), { threads: 2, maxBatchRows: 64 });
    const { figures, unsettled } = conclude(resultOf({}), AXES, null);
    assert.deepEqual([figures?.p99Ms, unsettled], [5, []]);
  });

  test("noise, or no time, leaves a setting as it is", () => {
    const trials = [trial("threads", 2, "better"), trial("maxBatchRows", 16, "too-noisy")];
    const noisy = resultOf({ trials });
    assert.deepEqual(settledIn({ trials }), { threads: 2 });
    assert.deepEqual(conclude(noisy, AXES, null).unsettled, ["maxBatchRows"]);
    assert.ok(!isRight(noisy, conclude(noisy, AXES, null)));
    const untried = [{ key: "maxBatchRows", values: [16] }] as const;
    assert.deepEqual(settledIn({ trials: trials.slice(0, 1), untried }), { threads: 2 });
  });

  test("a gain that the last check did not see is none", () => {
    const fallen = resultOf({ chosen: START, isFinalCheckPassed: false });
    const conclusion = conclude(fallen, AXES, null);
    assert.deepEqual([...conclusion.settled], [["maxBatchRows", 64]]);
    assert.equal(conclusion.figures?.p99Ms, 7);
    assert.ok(!isRight(fallen, conclusion));
  });

  test("nothing is settled beyond the limit of p99", () => {
    assert.deepEqual(settledIn({}, 4.9), {});
    assert.deepEqual(settledIn({}, 5), { threads: 2, maxBatchRows: 64 });
    const result = resultOf({});
    assert.ok(isRight(result, conclude(result, AXES, 5)));
    assert.ok(!isRight(result, conclude(result, AXES, 4.9)));
  });

  test("without a find the figures are those of the start, and without a trial there are none", () => {
    const lost = { chosen: START, trials: [trial("threads", 2, "not-better")], finalCheck: null };
    assert.equal(conclude(resultOf(lost), AXES, null).figures?.p99Ms, 4);
    const none = resultOf({ chosen: START, trials: [], finalCheck: null });
    assert.equal(conclude(none, AXES, 1).isWithinLimit, null);
  });

  test("a candidate that failed is no success, but settles the question", () => {
    const failed = resultOf({ trials: [trial("threads", 2, "failed")], chosen: START });
    assert.ok(!isRight(failed, conclude(failed, AXES, null)));
    assert.equal(conclude(failed, AXES, null).settled.get("threads"), 1);
  });
});
