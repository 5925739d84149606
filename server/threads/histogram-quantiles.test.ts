import assert from "node:assert/strict";
import { test } from "node:test";
import { readQuantiles } from "./histogram-quantiles.ts";

test("quantiles lie in their bucket, by rank; beyond the last bound they are the bound", () => {
  const bounds = [1, 2, 10];
  assert.equal(readQuantiles({ counts: [0, 0, 0, 0], sum: 0 }, bounds), null);
  // 50 up to 1, 40 up to 2, 10 beyond 10.
  const read = readQuantiles({ counts: [50, 40, 0, 10], sum: 0 }, bounds);
  assert.deepEqual(read, { p50: 1, p90: 2, p99: 10 });
  const one = readQuantiles({ counts: [0, 0, 1, 0], sum: 5 }, bounds);
  assert.equal(one?.p50, 6);
});
