import assert from "node:assert/strict";
import { test } from "node:test";
import { formatServerTiming, wantsServerTiming } from "./server-timing.ts";

test("milliseconds to a microsecond, and the rows of the batch", () => {
  assert.deepEqual(["?1", "1", "?0", "0", "", null].map(wantsServerTiming), [
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
  const outcome = {
    errorCode: null,
    queueMs: 0,
    computeMs: 0.0304,
    totalMs: 12.9996,
    batchRows: 8,
    rows: 1,
    endEpochMs: 1,
  };
  assert.equal(
    formatServerTiming(outcome),
    "queue;dur=0.000, batch;desc=8, compute;dur=0.030, total;dur=13.000",
  );
  const long = { ...outcome, queueMs: 1_234_567.891, computeMs: 999.9994, batchRows: 1 };
  assert.match(
    formatServerTiming(long),
    /^queue;dur=1234567\.891, batch;desc=1, compute;dur=999\.999, /,
  );
});
