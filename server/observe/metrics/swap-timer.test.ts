import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SwapTimer } from "./swap-timer.ts";

function start() {
  const tookMs: number[] = [];
  const timer = new SwapTimer((ms) => tookMs.push(ms));
  const at = (wanted: number | null, leadsTo: number | null) => [{ model: "m", wanted, leadsTo }];
  timer.takeIndex(at(1, null), 0);
  timer.takeServed(at(1, 1), 10);
  return { timer, tookMs, at };
}

describe("the time that a swap takes", () => {
  it("is from the index to what requests reach", () => {
    const { timer, tookMs, at } = start();
    assert.deepEqual(tookMs, [], "a first version is no swap");
    timer.takeIndex(at(2, 1), 100);
    timer.takeServed(at(2, 1), 150);
    assert.deepEqual(tookMs, []);
    timer.takeServed(at(2, 2), 400);
    timer.takeServed(at(2, 2), 500);
    assert.deepEqual(tookMs, [300]);
  });

  it("is measured where the other version was loaded, and by resource, which breaks before it makes", () => {
    const { timer, tookMs, at } = start();
    timer.takeIndex(at(2, 2), 100);
    timer.takeServed(at(2, 2), 101);
    timer.takeIndex(at(3, 2), 200);
    timer.takeServed(at(3, null), 300);
    timer.takeServed(at(3, 3), 450);
    assert.deepEqual(tookMs, [1, 250]);
  });

  it("counts neither a swap that was taken back nor one that failed before the next", () => {
    const { timer, tookMs, at } = start();
    timer.takeIndex(at(2, 1), 100);
    timer.takeIndex(at(1, 1), 200);
    timer.takeServed(at(1, 1), 201);
    assert.deepEqual(tookMs, []);
    timer.takeIndex(at(2, 1), 1000);
    timer.takeIndex(at(3, 1), 90_000);
    timer.takeServed(at(3, 3), 90_500);
    assert.deepEqual(tookMs, [500]);
  });

  it("does not count a champion that comes back after a fault, or after its model was away", () => {
    const { timer, tookMs, at } = start();
    timer.takeServed(at(1, null), 100);
    timer.takeServed(at(1, 1), 200);
    timer.takeIndex([], 300);
    timer.takeIndex(at(2, null), 400);
    timer.takeServed(at(2, 2), 500);
    assert.deepEqual(tookMs, []);
  });

  it("is never negative", () => {
    const { timer, tookMs, at } = start();
    timer.takeIndex(at(2, 1), 100);
    timer.takeServed(at(2, 2), 40);
    assert.deepEqual(tookMs, [0]);
  });
});
