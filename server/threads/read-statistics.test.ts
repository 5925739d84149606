import assert from "node:assert/strict";
import { test } from "node:test";
import { countRuns, readStatistics } from "./read-statistics.ts";
import { CounterReader, CounterWriter, createCounterBlock } from "./shared-counters.ts";

const OK = {
  errorCode: null,
  totalMs: 5,
  queueMs: 1,
  computeMs: 3,
  batchRows: 4,
  rows: 1,
  endEpochMs: 1000,
};

test("rows, runs and durations over all threads; failures apart; each run counted once", () => {
  const blocks = [createCounterBlock(), createCounterBlock()];
  const [one, two] = blocks.map((block) => new CounterWriter(block)) as [
    CounterWriter,
    CounterWriter,
  ];
  // One run of four rows: a request of two rows on one thread, two of one row on the other.
  one.record(1, "http", { ...OK, rows: 2 });
  two.record(1, "grpc", { ...OK, endEpochMs: 3000 });
  two.record(1, "grpc", { ...OK, endEpochMs: 2000 });
  one.record(1, "http", { ...OK, batchRows: 100, rows: 100 });
  one.record(1, "http", { ...OK, errorCode: "invalid-argument", totalMs: 7 });
  one.record(2, "http", OK);
  const id = { model: "m", version: 1 };
  const read = readStatistics(new CounterReader(blocks), { id, slot: 1, executions: 2 });
  assert.deepEqual(read, {
    id,
    lastEpochMs: 2000,
    rows: 104,
    executions: 2,
    success: { count: 4, totalMs: 20 },
    fail: { count: 1, totalMs: 7 },
    queue: { count: 4, totalMs: 4 },
    compute: { count: 4, totalMs: 12 },
    batches: [{ rows: 4, compute: { count: 1, totalMs: 3 } }],
  });
});

test("runs of every placement and close", () => {
  assert.ok(countRuns(() => 1) > 1);
  assert.equal(
    countRuns(() => 0),
    0,
  );
});
