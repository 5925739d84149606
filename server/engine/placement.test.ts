import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Placement } from "./placement.ts";

const BUDGET_US = 200;

function placement(sampleMs: number | null = null, inlineBudgetUs = BUDGET_US): Placement {
  return new Placement({ inlineBudgetUs, sampleMs });
}

/** A class that engine runs have proved cheap at time 0. */
function proved(costUs = 20): Placement {
  const each = placement();
  for (let i = 0; i < 3; i += 1) each.observeEngine(1, costUs, 0);
  assert.equal(each.isInline, true);
  return each;
}

/** As many overruns as are no accident. */
function overrun(each: Placement, nowMs: number): void {
  for (let i = 0; i < 3; i += 1) each.observeInline(1, BUDGET_US + 1, nowMs);
}

/** Milliseconds after `nowMs` until engine runs of 20 µs bring the class back. */
function backAfter(each: Placement, nowMs: number): number {
  for (let waitMs = 0; waitMs < 200_000; waitMs += 1) {
    each.observeEngine(1, 20, nowMs + waitMs);
    if (each.isInline) return waitMs;
  }
  return Number.POSITIVE_INFINITY;
}

describe("Placement.explain", () => {
  it("says off, unproven, dear, cheap and demoted, with the costs that it goes by", () => {
    assert.equal(placement(null, 0).explain(0).reason, "off");
    const each = placement();
    assert.deepEqual(each.explain(0), {
      placement: "engine",
      reason: "unproven",
      demotedForMs: null,
      inlineCost: null,
      engineCost: null,
    });
    for (const us of [900, 700, 800]) each.observeEngine(2, us, 0);
    assert.equal(each.explain(0).reason, "dear");
    assert.deepEqual(each.explain(0).engineCost, { rows: 2, us: 700 });
    for (let i = 0; i < 3; i += 1) each.observeEngine(1, 20, 0);
    assert.equal(each.explain(0).reason, "cheap");
    assert.deepEqual(each.explain(0).inlineCost, { baseUs: 20, slopeUs: 0, maxRows: 1 });
    overrun(each, 1000);
    const demoted = each.explain(1010);
    assert.equal(demoted.placement, "engine");
    assert.equal(demoted.reason, "demoted");
    assert.ok(demoted.demotedForMs !== null && demoted.demotedForMs > 0);
    assert.equal(each.explain(1010 + demoted.demotedForMs).reason, "unproven");
  });
});

describe("Placement", () => {
  it("sends the first runs of a class to the engine", () => {
    const each = placement();
    assert.equal(each.fitsInline(1), false);
    each.observeEngine(1, 20, 0);
    each.observeEngine(1, 20, 0);
    assert.equal(each.fitsInline(1), false);
    each.observeEngine(1, 20, 0);
    assert.equal(each.fitsInline(1), true);
  });

  it("believes a cheap sample of vetting at once, a dear one not", () => {
    assert.equal(placement(0.05).fitsInline(1), true);
    assert.equal(placement(0.05).fitsInline(5), false, "5 rows may cost 5 times as much");
    assert.equal(placement(0.3).fitsInline(1), false);
  });

  it("keeps what is dear with the engine", () => {
    const each = placement();
    for (let i = 0; i < 100; i += 1) each.observeEngine(1, 5000, i);
    assert.equal(each.fitsInline(1), false);
  });

  it("counts the best of the engine's runs: wall time is the cost and the noise", () => {
    const each = placement();
    each.observeEngine(1, 4000, 0);
    each.observeEngine(1, 30, 0);
    each.observeEngine(1, 900, 0);
    assert.equal(each.fitsInline(1), true);
    assert.equal(each.predictUs(1), 30);
  });

  it("lets small batches run inline and keeps large ones with the engine", () => {
    const each = proved(10);
    for (let i = 0; i < 50; i += 1) each.observeInline(1 + (i % 8), 10 * (1 + (i % 8)), i);
    assert.equal(each.fitsInline(8), true);
    assert.equal(each.fitsInline(64), false);
  });

  it("learns from an engine run of a large batch that it is cheap", () => {
    const each = proved(10);
    assert.equal(each.fitsInline(64), false);
    each.observeEngine(64, 40, 0);
    assert.equal(each.fitsInline(64), true);
  });

  it("does not learn from engine runs that took longer than predicted", () => {
    const each = proved(20);
    each.observeEngine(1, 100_000, 0);
    assert.equal(each.predictUs(1), 20);
  });

  it("forgives overruns that are rare", () => {
    const each = proved();
    for (let i = 0; i < 1000; i += 1) each.observeInline(1, i % 30 === 0 ? 3000 : 20, i);
    assert.equal(each.fitsInline(1), true);
  });

  it("demotes at once for a run that is no accident", () => {
    const each = proved();
    each.observeInline(1, 21 * BUDGET_US, 1000);
    assert.equal(each.isInline, false);
  });

  it("demotes what is dear on the whole, though it is so seldom", () => {
    const each = proved();
    for (let i = 0; i < 200 && each.isInline; i += 1) {
      each.observeInline(1, i % 11 === 0 ? 19 * BUDGET_US : 20, i);
    }
    assert.equal(each.isInline, false);
  });

  it("forgets what it demoted for", () => {
    const each = proved();
    overrun(each, 1000);
    assert.notEqual(backAfter(each, 1000), Number.POSITIVE_INFINITY);
    each.observeInline(1, BUDGET_US + 1, 3000);
    assert.equal(each.isInline, true);
  });

  it("learns little of an overrun: small batches stay", () => {
    const each = proved();
    for (let i = 0; i < 20; i += 1) each.observeInline(1, 20, i);
    each.observeInline(1, 15 * BUDGET_US, 1000);
    assert.equal(each.fitsInline(1), true);
  });

  it("demotes what overruns one run in five", () => {
    const each = proved();
    for (let i = 0; i < 100; i += 1) each.observeInline(1, i % 5 === 0 ? BUDGET_US + 1 : 20, i);
    assert.equal(each.isInline, false);
  });

  it("demotes after overruns, and no engine run within the back-off brings it back", () => {
    const each = proved();
    overrun(each, 1000);
    assert.equal(each.fitsInline(1), false);
    for (let i = 0; i < 10; i += 1) each.observeEngine(1, 5, 1001);
    assert.equal(each.isInline, false);
  });

  it("doubles the back-off while overruns go on, up to a minute", () => {
    const each = proved();
    const waits: number[] = [];
    let nowMs = 1000;
    for (let i = 0; i < 14; i += 1) {
      overrun(each, nowMs);
      const waitMs = backAfter(each, nowMs);
      waits.push(waitMs);
      nowMs += waitMs;
    }
    const [first = 0, second = 0] = waits;
    assert.ok(second >= 1.8 * first, `${first} then ${second}`);
    assert.ok((waits[6] ?? 0) >= 50 * 2 ** 6);
    assert.ok((waits[13] ?? 0) <= 60_010 && (waits[13] ?? 0) >= 60_000);
  });

  it("starts from the first back-off after a steady time", () => {
    const each = proved();
    overrun(each, 1000);
    const first = backAfter(each, 1000);
    overrun(each, 1000 + first);
    const second = backAfter(each, 1000 + first);
    assert.ok(second > first);
    overrun(each, 1_000_000);
    assert.equal(backAfter(each, 1_000_000), first);
  });

  it("runs nothing inline with a budget of 0", () => {
    const each = placement(0.001, 0);
    for (let i = 0; i < 100; i += 1) each.observeEngine(1, 1, i);
    assert.equal(each.fitsInline(1), false);
  });
});
