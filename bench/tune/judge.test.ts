import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { measuredOf } from "../testing/tuned-of.ts";
import { type FirstVerdict, judgeCandidate } from "./judge.ts";

type Given = Parameters<typeof measuredOf>[0];

describe("a candidate against the best", () => {
  const cases: readonly (readonly [string, FirstVerdict, Given])[] = [
    ["every pair above 1", "better", { requests: [1.01, 1.02, 1.03] }],
    ["every pair above 1, far apart", "better", { requests: [1.2, 3, 5] }],
    ["every pair above 1, busy machine", "too-noisy", { requests: [1.3, 1.1, 1.5], noisyPairs: 3 }],
    ["one pair below, 5 % and steady", "better", { requests: [1.1, 1.12, 0.99, 1.1, 1.11] }],
    ["one pair below, too little", "not-better", { requests: [1.04, 1.03, 0.99, 1.04, 1.03] }],
    ["5 % that scatters", "not-better", { requests: [1.3, 1.06, 0.8, 1.2, 0.85] }],
    ["the same", "not-better", { requests: [1, 1, 1] }],
    ["less", "not-better", { requests: [0.9, 0.95, 0.93] }],
    ["pairs that contradict each other", "too-noisy", { requests: [0.5, 1.5, 1.2] }],
    ["a busy machine", "too-noisy", { requests: [0.99, 1.2, 1.2], noisyPairs: 3 }],
    ["a busy machine, but never more", "not-better", { requests: [0.3, 0.7, 0.9], noisyPairs: 3 }],
  ];
  for (const [what, verdict, given] of cases) {
    test(`${what}: ${verdict}`, () => {
      assert.equal(judgeCandidate(measuredOf(given), null), verdict);
    });
  }

  test("one that fails is out", () => {
    assert.equal(judgeCandidate({ kind: "failed", why: "it did not start" }, null), "failed");
  });

  test("within the limit both, requests decide; beyond it the candidate is out", () => {
    const requests = [1.3, 1.4];
    assert.equal(judgeCandidate(measuredOf({ requests, p99Ms: [9, 5] }), 10), "better");
    assert.equal(judgeCandidate(measuredOf({ requests, p99Ms: [11, 5] }), 10), "over-limit");
  });

  test("while the best is beyond the limit, a lower p99 decides", () => {
    const slower = { requests: [0.5, 0.6], p99Ms: [15, 20] } as const;
    assert.equal(judgeCandidate(measuredOf({ ...slower, p99: [0.7, 0.8] }), 10), "better");
    assert.equal(judgeCandidate(measuredOf({ ...slower, p99: [1.2, 1.1] }), 10), "not-better");
    assert.equal(judgeCandidate(measuredOf({ ...slower, p99: [0.4, 1.1] }), 10), "too-noisy");
  });
});
