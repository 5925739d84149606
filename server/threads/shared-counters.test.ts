import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  CounterReader,
  CounterWriter,
  createCounterBlock,
  DURATION_BOUNDS_MS,
} from "./shared-counters.ts";
import { createSlotPool } from "./slot-pool.ts";

const OK = {
  errorCode: null,
  totalMs: 0.3,
  queueMs: 0.1,
  computeMs: 0.2,
  batchRows: 2,
  rows: 1,
  endEpochMs: 1000,
};

describe("shared counters", () => {
  it("adds up what every thread wrote, per row, protocol and outcome", () => {
    const blocks = [createCounterBlock(), createCounterBlock()];
    const [one, two] = blocks.map((block) => new CounterWriter(block)) as [
      CounterWriter,
      CounterWriter,
    ];
    one.record(1, "http", OK);
    two.record(1, "http", OK);
    two.record(1, "grpc", { ...OK, errorCode: "queue-full" });
    one.record(2, "http", OK);
    const reader = new CounterReader(blocks);
    assert.equal(reader.requests(1, "http", "ok"), 2);
    assert.equal(reader.requests(1, "grpc", "queue-full"), 1);
    assert.equal(reader.requests(1, "grpc", "ok"), 0);
    assert.equal(reader.requests(2, "http", "ok"), 1);
  });

  it("puts durations into the bucket whose bound they do not pass", () => {
    const block = createCounterBlock();
    const writer = new CounterWriter(block);
    for (const totalMs of [0.25, 0.26, 1e9]) writer.record(3, "http", { ...OK, totalMs });
    const { counts, sum } = new CounterReader([block]).duration(3, "total");
    assert.equal(counts.length, DURATION_BOUNDS_MS.length + 1);
    assert.deepEqual([counts[0], counts[1], counts.at(-1)], [1, 1, 1]);
    assert.equal(sum, 0.25 + 0.26 + 1e9);
  });

  it("leaves failed requests out of queue, compute and batch", () => {
    const block = createCounterBlock();
    new CounterWriter(block).record(1, "http", { ...OK, errorCode: "internal" });
    const reader = new CounterReader([block]);
    assert.equal(reader.duration(1, "total").sum, 0.3);
    assert.equal(reader.duration(1, "queue").sum, 0);
    assert.equal(reader.batchRows(1).sum, 0);
  });

  it("forgets a freed row and no other", () => {
    const block = createCounterBlock();
    const writer = new CounterWriter(block);
    for (const slot of [1, 2, 3]) writer.record(slot, "websocket", OK);
    const reader = new CounterReader([block]);
    reader.clear(2);
    assert.deepEqual(
      [1, 2, 3].map((slot) => reader.requests(slot, "websocket", "ok")),
      [1, 0, 1],
    );
  });
});

describe("slot pool", () => {
  it("never gives out row 0 or a row in use, and says when none is left", () => {
    const freed: number[] = [];
    const pool = createSlotPool(3, (slot) => freed.push(slot));
    assert.deepEqual([pool.take(), pool.take()], [1, 2]);
    assert.throws(() => pool.take(), /2 versions are loaded/);
    pool.free(1);
    assert.deepEqual(freed, [1]);
    assert.equal(pool.take(), 1);
  });
});
