import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Tensor } from "../../protocols/core/tensor.ts";
import {
  closeOf,
  dueEpochMsOf,
  insertByDue,
  shapeKeyOf,
  splitOutputs,
  stackInputs,
  takeBatch,
} from "./batch-former.ts";

function job(rows: number, width: number, outputs = ["y"]) {
  const x: Tensor = {
    name: "x",
    datatype: "FP32",
    shape: [rows, width],
    data: Float32Array.from({ length: rows * width }, (_, i) => i),
  };
  return { inputs: [x], outputs, shapeKey: shapeKeyOf({ inputs: [x], outputs }) };
}

describe("takeBatch", () => {
  it("takes the oldest alone when rows may not be stacked", () => {
    const pending = [job(1, 2), job(1, 2)];
    const [first] = pending;
    assert.deepEqual(takeBatch(pending, null), [first]);
    assert.equal(pending.length, 1);
  });

  it("gathers equal shapes up to the row limit and leaves the rest in order", () => {
    const [a, b, c, d, e] = [job(1, 2), job(2, 3), job(2, 2), job(3, 2), job(1, 2)];
    const pending = [a, b, c, d, e];
    assert.deepEqual(takeBatch(pending, { maxRows: 4 }), [a, c, e]);
    assert.deepEqual(pending, [b, d]);
  });

  it("keeps requests for other outputs apart", () => {
    const [a, b] = [job(1, 2), job(1, 2, ["z"])];
    assert.deepEqual(takeBatch([a, b], { maxRows: 8 }), [a]);
  });

  it("runs a request without rows alone", () => {
    const [a, b] = [job(0, 2), job(0, 2)];
    assert.deepEqual(takeBatch([a, b], { maxRows: 8 }), [a]);
  });

  it("gives back nothing for an empty queue", () => {
    assert.deepEqual(takeBatch([], { maxRows: 8 }), []);
  });
});

describe("closeOf", () => {
  it("tells why a batch took no more", () => {
    const close = (pending: ReturnType<typeof job>[], maxRows: number | null) => {
      const batching = maxRows === null ? null : { maxRows };
      return closeOf(takeBatch(pending, batching), pending, batching);
    };
    assert.equal(close([job(1, 2), job(1, 2)], null), "not-batchable");
    assert.equal(close([job(0, 2)], 8), "not-batchable");
    assert.equal(close([job(1, 2)], 8), "alone");
    assert.equal(close([job(1, 2), job(2, 2)], 8), "all-waiting");
    assert.equal(close([job(5, 2), job(4, 2)], 8), "rows-full");
    assert.equal(close([job(1, 2), job(1, 2), job(1, 3)], 8), "shape");
  });
});

describe("the order of a queue", () => {
  it("is by deadline, and by arrival where that is further away than ageing", () => {
    const queue: { name: string; dueEpochMs: number }[] = [];
    const add = (name: string, submittedMs: number, deadlineMs: number | null) =>
      insertByDue(queue, { name, dueEpochMs: dueEpochMsOf(submittedMs, deadlineMs, 2) });
    add("old", 0, null);
    add("far", 10, 100_000);
    add("near", 20, 60);
    add("old too", 0, null);
    add("young and near", 400, 500);
    assert.deepEqual(
      queue.map(({ name }) => name),
      ["near", "old", "old too", "far", "young and near"],
    );
  });
});

describe("priorities", () => {
  it("put the more urgent first, and by deadline within a level", () => {
    const queue: { name: string; dueEpochMs: number }[] = [];
    const add = (name: string, deadlineMs: number | null, priority: number) =>
      insertByDue(queue, { name, dueEpochMs: dueEpochMsOf(0, deadlineMs, priority) });
    add("late", 5, 3);
    add("usual", 9, 2);
    add("far", 80, 1);
    add("near", 9, 1);
    assert.deepEqual(
      queue.map(({ name }) => name),
      ["near", "far", "usual", "late"],
    );
  });

  it("starve no level, however much of the first keeps coming", () => {
    const turnMs = 10;
    const queue: { priority: number; dueEpochMs: number }[] = [];
    const add = (nowMs: number, priority: number) =>
      insertByDue(queue, { priority, dueEpochMs: dueEpochMsOf(nowMs, null, priority) });
    for (const priority of [5, 3, 2]) add(0, priority);
    const ranAtMs = new Map<number, number>();
    for (let nowMs = 0; nowMs < 12_000; nowMs += turnMs) {
      add(nowMs, 1);
      const { priority } = queue.shift() as { priority: number };
      if (priority !== 1) ranAtMs.set(priority, nowMs);
    }
    const seconds = [2, 3, 5].map((priority) => Math.round((ranAtMs.get(priority) ?? 0) / 1000));
    assert.deepEqual(seconds, [2, 4, 8]);
  });
});

describe("stacking", () => {
  it("gives each job its own rows back", () => {
    const jobs = [job(1, 2), job(2, 2)];
    const [stacked] = stackInputs(jobs);
    assert.deepEqual(stacked?.shape, [3, 2]);
    const answers = splitOutputs([{ ...(stacked as Tensor), name: "y" }], jobs);
    assert.deepEqual(
      answers?.map(([y]) => floatsOf(y)),
      [
        [0, 1],
        [0, 1, 2, 3],
      ],
    );
  });

  it("stacks strings", () => {
    const text = (s: string): Tensor => ({
      name: "x",
      datatype: "BYTES",
      shape: [1, 1],
      data: [s],
    });
    const jobs = ["a", "b"].map((s) => ({ inputs: [text(s)], outputs: ["y"], shapeKey: "" }));
    assert.deepEqual(stackInputs(jobs)[0]?.data, ["a", "b"]);
  });

  it("refuses outputs that have lost rows", () => {
    const jobs = [job(1, 2), job(1, 2)];
    const y: Tensor = { name: "y", datatype: "FP32", shape: [1, 2], data: new Float32Array(2) };
    assert.equal(splitOutputs([y], jobs), null);
  });
});

function floatsOf(tensor: Tensor | undefined): number[] {
  assert.ok(tensor?.data instanceof Float32Array);
  return [...tensor.data];
}
