import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SlowRequests } from "./slow-requests.ts";

const MINUTE_MS = 60_000;

function measured(totalMs: number, endEpochMs: number) {
  return { endEpochMs, rows: 1, batchRows: 2, queueMs: 0.5, computeMs: 0.25, totalMs };
}

function readIds(slowest: SlowRequests, nowEpochMs: number): string {
  return slowest
    .read(nowEpochMs)
    .map(({ inferenceId }) => inferenceId)
    .join(" ");
}

describe("SlowRequests", () => {
  it("keeps the 16 slowest, slowest first, whatever the order they came in", () => {
    const slowest = new SlowRequests();
    // 7 and 100 have no common factor: each of 1 to 100 once.
    for (let i = 1; i <= 100; i += 1)
      slowest.offer(measured(((i * 7) % 100) + 1, 1000 + i), `${i}`);
    const kept = slowest.read(2000);
    assert.deepEqual(
      kept.map(({ totalMs }) => totalMs),
      Array.from({ length: 16 }, (_, i) => 100 - i),
    );
    assert.deepEqual(kept[0], { inferenceId: "57", ...measured(100, 1057) });
  });

  it("lets the slow of long ago go, and keeps those of the window before", () => {
    const slowest = new SlowRequests();
    for (let i = 0; i < 20; i += 1) slowest.offer(measured(500, 1000), "old");
    slowest.offer(measured(1, 1000 + 6 * MINUTE_MS), "new");
    assert.match(readIds(slowest, 1000 + 6 * MINUTE_MS), /^(old ){15}old$/);
    slowest.offer(measured(2, 1000 + 12 * MINUTE_MS), "newer");
    assert.equal(readIds(slowest, 1000 + 12 * MINUTE_MS), "newer new");
    assert.equal(readIds(slowest, 1000 + 60 * MINUTE_MS), "");
  });
});
