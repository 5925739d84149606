import assert from "node:assert/strict";
import { test } from "node:test";
import type { TimelineSlice } from "../timeline.ts";
import { compareSlices, spansOf } from "./hot-swap-slices.ts";

function sliceOf(index: number, p99Ms: number): TimelineSlice {
  return { atMs: index * 100, answers: 50, errors: 0, p50Ms: 1, p99Ms, maxMs: p99Ms };
}

test("the worst slice of each swap stands against the worst of as many quiet ones", () => {
  const p99s = [1, 2, 9, 30, 3, 4, 1, 20, 5, 6, 2];
  const timeline = p99s.map((p99Ms, index) => sliceOf(index, p99Ms));
  const spans = [
    { fromMs: 250, toMs: 390 },
    { fromMs: 700, toMs: 900 },
  ];
  // Swaps touch slices 2-3 and 7-8; the quiet pairs are 0-1, 4-5, 6+9, and 10 is left over.
  assert.deepEqual(compareSlices(timeline, 100, spans), { swapP99Ms: 25, steadyP99Ms: 4 });
});

test("without a swap inside the window, or without a quiet slice, there is nothing to compare", () => {
  const timeline = [sliceOf(0, 1), sliceOf(1, 2)];
  assert.equal(compareSlices(timeline, 100, []), null);
  assert.equal(compareSlices(timeline, 100, [{ fromMs: 500, toMs: 900 }]), null);
  assert.equal(compareSlices(timeline, 100, [{ fromMs: -50, toMs: 900 }]), null);
});

test("swaps are placed from the start of the window, with the time to unload; later ones are left out", () => {
  const swap = { version: 2, publishStartMs: 10_500, publishedMs: 10_520, firstAnswerMs: 10_900 };
  const late = { ...swap, version: 3, publishStartMs: 12_001 };
  assert.deepEqual(spansOf([swap, late], 12_000, 2000), [{ fromMs: 500, toMs: 1300 }]);
});
