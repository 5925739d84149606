import assert from "node:assert/strict";
import { test } from "node:test";
import { sumTimelines, Timeline } from "./timeline.ts";

test("slices are by intended start, over all threads; what is outside the window is left out", () => {
  const one = new Timeline(1000, 1250, 100);
  one.answered(999, 50);
  one.answered(1000, 1);
  one.answered(1099, 3);
  one.answered(1200, 7);
  one.answered(1300, 50);
  one.failed(1150);
  const other = new Timeline(5000, 5250, 100);
  other.answered(5050, 2);
  other.failed(5150);
  assert.deepEqual(sumTimelines([one.tally(), other.tally()]), [
    { atMs: 0, answers: 3, errors: 0, p50Ms: 2, p99Ms: 3, maxMs: 3 },
    { atMs: 100, answers: 0, errors: 2, p50Ms: 0, p99Ms: 0, maxMs: 0 },
    { atMs: 200, answers: 1, errors: 0, p50Ms: 7, p99Ms: 7, maxMs: 7 },
  ]);
  assert.equal(sumTimelines([]), null);
});
