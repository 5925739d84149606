import assert from "node:assert/strict";
import { test } from "node:test";
import { createMachineGuard, noiseBetween } from "./machine-guard.ts";

const START = { atMs: 1000, busyUs: 5_000_000, stolenUs: 100_000, ownUs: 2_000_000 };

test("noise is what others did on all cores together, without our own work", () => {
  const end = { atMs: 2000, busyUs: 6_500_000, stolenUs: 150_000, ownUs: 3_200_000 };
  assert.deepEqual(noiseBetween(START, end), { otherCores: 0.3, stolenCores: 0.05 });
});

test("clocks that tick apart never make noise negative, and no time at all is quiet", () => {
  const end = { ...START, atMs: 1010, ownUs: 2_010_000 };
  assert.equal(noiseBetween(START, end).otherCores, 0);
  assert.deepEqual(noiseBetween(START, START), { otherCores: 0, stolenCores: 0 });
});

test("a watch gives a reading of what it saw, which is kept", async () => {
  const guard = createMachineGuard(0);
  const reading = (await guard.settle()).end();
  assert.ok(reading.otherCores >= 0 && reading.slowdown >= 1, JSON.stringify(reading));
  assert.deepEqual(guard.readings, [reading]);
});
