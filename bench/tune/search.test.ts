import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { randomStream } from "../random.ts";
import { median, summariseRatios } from "../ratio.ts";
import { measuredOf, START } from "../testing/tuned-of.ts";
import { type Axis, planAxes } from "./axis.ts";
import { type SearchGoal, type SearchResult, searchSettings } from "./search.ts";
import type { Outcome } from "./trial.ts";
import { TUNED_KEYS, type TunedSettings } from "./tuned-settings.ts";

const CORES = 8;
const PAIRS = 5;

interface World {
  readonly requestsPerSec: (settings: TunedSettings) => number;
  readonly p99Ms?: (settings: TunedSettings) => number;
  /** Standard deviation of one measurement, as a share of it. */
  readonly noise?: number;
  readonly seed?: number;
  /** Comparisons that there is time for. */
  readonly patience?: number;
  readonly failsWith?: (settings: TunedSettings) => boolean;
}

/** A lab whose servers are functions. */
function labOf(world: World) {
  const random = randomStream(world.seed ?? 1);
  const compared: [TunedSettings, TunedSettings][] = [];
  const p99Of = world.p99Ms ?? (() => 1);
  const sample = (value: number): number[] =>
    Array.from({ length: PAIRS }, () => value * Math.exp((world.noise ?? 0) * normal(random)));
  return {
    compared,
    hasTime: () => compared.length < (world.patience ?? Number.POSITIVE_INFINITY),
    compare(candidate: TunedSettings, best: TunedSettings): Promise<Outcome> {
      compared.push([candidate, best]);
      if (world.failsWith?.(candidate) === true) {
        return Promise.resolve({ kind: "failed", why: "it did not start" });
      }
      const rates = [sample(world.requestsPerSec(candidate)), sample(world.requestsPerSec(best))];
      const p99s = [sample(p99Of(candidate)), sample(p99Of(best))];
      const [ours = [], theirs = []] = rates;
      const [ourP99s = [], theirP99s = []] = p99s;
      return Promise.resolve(
        measuredOf({
          requests: summariseRatios(ours, theirs, 0).pairs,
          p99: summariseRatios(ourP99s, theirP99s, 0).pairs,
          requestsPerSec: [median(ours), median(theirs)],
          p99Ms: [median(ourP99s), median(theirP99s)],
        }),
      );
    },
  };
}

function allAxes(): readonly Axis[] {
  const machine = { cores: CORES, rowsInFlight: 32, canBatch: true };
  const facts = { start: START, ...machine, isNative: true, isGrpc: false, only: [] };
  return planAxes(facts, TUNED_KEYS).axes;
}

function searchIn(world: World, goal: Partial<SearchGoal> = {}): Promise<SearchResult> {
  const usual = { axes: allAxes(), start: START, cores: CORES, p99LimitMs: null };
  return searchSettings({ ...usual, ...goal }, labOf(world));
}

/** 4 threads are best, and then 1 row a batch; 8 threads are worse again. */
function hill({ threads, maxBatchRows }: TunedSettings): number {
  const byThreads = { 1: 1000, 2: 1400, 4: 1800, 8: 1500 }[threads] ?? 0;
  return byThreads * (threads === 4 && maxBatchRows === 1 ? 1.3 : 1);
}

describe("the search for settings", () => {
  test("climbs to the best, one setting at a time, and no further", async () => {
    const { chosen, trials, isFinalCheckPassed, finalCheck, untried } = await searchIn({
      requestsPerSec: hill,
    });
    assert.deepEqual(chosen, { ...START, threads: 4, maxBatchRows: 1 });
    assert.ok(isFinalCheckPassed && finalCheck?.kind === "measured");
    assert.equal(finalCheck.requestsRatio.median.toFixed(2), "2.34");
    assert.deepEqual(untried, []);
    const firstThreads = trials.slice(0, 3).map(({ key, to, verdict }) => [key, to, verdict]);
    assert.deepEqual(firstThreads, [
      ["threads", 2, "better"],
      ["threads", 4, "better"],
      ["threads", 8, "not-better"],
    ]);
    for (const { settings, key, from, to } of trials) {
      assert.equal(settings[key], to);
      assert.notEqual(from, to);
    }
  });

  test("goes round again while something is gained: one setting may wait for another", async () => {
    const { chosen } = await searchIn({
      requestsPerSec: ({ inlineBudgetUs, threads }) =>
        1000 * (inlineBudgetUs === 0 ? 1.5 : 1) * (inlineBudgetUs === 0 && threads === 2 ? 1.5 : 1),
    });
    assert.deepEqual(chosen, { ...START, inlineBudgetUs: 0, threads: 2 });
  });

  test("measures no combination twice, but for what it confirms", async () => {
    const lab = labOf({ requestsPerSec: hill });
    const goal = { axes: allAxes(), start: START, cores: CORES, p99LimitMs: null };
    const { trials } = await searchSettings(goal, lab);
    const candidates = trials.map(({ settings }) => JSON.stringify(settings));
    assert.equal(new Set(candidates).size, candidates.length);
    assert.ok(!candidates.includes(JSON.stringify(START)));
    const confirmed = trials.filter(({ second }) => second !== null);
    assert.equal(lab.compared.length, trials.length + confirmed.length + 1);
  });

  test("keeps the start when all is noise, whatever the noise says", async () => {
    for (const noise of [0.01, 0.05, 0.1]) {
      for (let seed = 1; seed <= 40; seed += 1) {
        const { chosen } = await searchIn({ requestsPerSec: () => 1000, noise, seed });
        assert.deepEqual(chosen, START, `noise ${noise}, seed ${seed}`);
      }
    }
  });

  test("finds a real gain in noise", async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const requestsPerSec = (s: TunedSettings) => (s.inlineBudgetUs === 0 ? 1400 : 1000);
      const { chosen } = await searchIn({ requestsPerSec, noise: 0.05, seed });
      assert.equal(chosen.inlineBudgetUs, 0, `seed ${seed}`);
    }
  });

  test("says too noisy where pairs contradict each other", async () => {
    const { trials, chosen } = await searchIn({ requestsPerSec: () => 1000, noise: 0.8 });
    assert.ok(trials.some(({ verdict }) => verdict === "too-noisy"));
    assert.deepEqual(chosen, START);
  });

  test("does not buy requests per second with a p99 above the limit", async () => {
    const world = { requestsPerSec: hill, p99Ms: (s: TunedSettings) => 2 * s.threads };
    const { chosen, trials } = await searchIn(world, { p99LimitMs: 5 });
    assert.equal(chosen.threads, 2);
    assert.ok(trials.some(({ to, verdict }) => to === 4 && verdict === "over-limit"));
  });

  test("first brings the p99 down where the start is above the limit", async () => {
    const world = {
      requestsPerSec: ({ maxBatchRows }: TunedSettings) => 900 + maxBatchRows,
      p99Ms: ({ maxBatchRows }: TunedSettings) => 1 + maxBatchRows / 2,
    };
    const { chosen } = await searchIn(world, { p99LimitMs: 10 });
    assert.equal(chosen.maxBatchRows, 16);
  });

  test("stops in time, checks what it found and says what it did not try", async () => {
    const { chosen, finalCheck, untried } = await searchIn({ requestsPerSec: hill, patience: 4 });
    assert.equal(chosen.threads, 4);
    assert.notEqual(finalCheck, null);
    assert.deepEqual(untried[0], { key: "threads", values: [8] });
  });

  test("goes on after a candidate that fails", async () => {
    const failsWith = ({ threads }: TunedSettings) => threads === 2;
    const { trials, chosen } = await searchIn({ requestsPerSec: hill, failsWith });
    assert.equal(trials[0]?.verdict, "failed");
    assert.equal(chosen.threads, 1);
    assert.ok(trials.length > 5);
  });

  test("falls back to the start when the last check does not see the gain", async () => {
    let calls = 0;
    // Twice 1.5x, and never again.
    const requestsPerSec = ({ threads }: TunedSettings) => {
      calls += 1;
      return threads === 2 && calls <= 4 ? 1500 : 1000;
    };
    const { chosen, isFinalCheckPassed } = await searchIn(
      { requestsPerSec },
      { axes: [{ key: "threads", arms: [[2]] }] },
    );
    assert.equal(calls, 6);
    assert.deepEqual([chosen, isFinalCheckPassed], [START, false]);
  });

  test("never asks for more threads than cores", async () => {
    const lab = labOf({
      requestsPerSec: (s) => 1000 * (1 + s.engineThreads) * (1 + s.intraOpThreads),
    });
    const goal = { axes: allAxes(), start: START, cores: CORES, p99LimitMs: null };
    const { chosen } = await searchSettings(goal, lab);
    for (const [{ threads, engineThreads, intraOpThreads }] of lab.compared) {
      assert.ok(threads <= CORES);
      assert.ok(Math.max(1, engineThreads) * Math.max(1, intraOpThreads) <= CORES);
    }
    assert.equal(chosen.engineThreads, 8);
  });
});

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
