import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRunBlock, RunCounter, RunReader } from "./run-counters.ts";

describe("run counters", () => {
  it("are added up over writers, by placement and reason", () => {
    const reader = new RunReader();
    const [a, b] = [createRunBlock(), createRunBlock()];
    reader.watch(a);
    reader.watch(b);
    new RunCounter(a).add("inline", "alone", 1);
    new RunCounter(b).add("inline", "alone", 1);
    new RunCounter(b).add("engine", "alone", 1);
    new RunCounter(b).add("inline", "rows-full", 1);
    assert.equal(reader.batches("inline", "alone"), 2);
    assert.equal(reader.batches("engine", "alone"), 1);
    assert.equal(reader.batches("inline", "rows-full"), 1);
    assert.equal(reader.batches("inline", "shape"), 0);
  });

  it("count a batch once where each of its jobs is told of singly", () => {
    const reader = new RunReader();
    const block = createRunBlock();
    reader.watch(block);
    const counter = new RunCounter(block);
    for (let i = 0; i < 7 * 3; i += 1) counter.add("engine", "all-waiting", 1 / 7);
    assert.equal(reader.batches("engine", "all-waiting"), 3);
  });
});
