import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { warmUp, warmupBatches } from "./warm-up.ts";

const sample = (rows: number): Tensor[] => [
  { name: "x", datatype: "FP32", shape: [rows, 2], data: new Float32Array(2 * rows).fill(7) },
];
const rowsOf = (batch: readonly Tensor[]) => batch[0]?.shape[0] ?? 0;

describe("what a version is warmed with", () => {
  const sizes = (rows: number, maxRows: number) =>
    [...warmupBatches(sample(rows), maxRows)].map(rowsOf);

  it("is the sample twice, then stacks of it up to a full batch", () => {
    assert.deepEqual(sizes(1, 64), [1, 1, 4, 16, 64]);
    assert.deepEqual(sizes(1, 50), [1, 1, 4, 16, 50]);
    assert.deepEqual(sizes(3, 16), [3, 3, 12, 15]);
    assert.deepEqual(sizes(1, 2), [1, 1, 2]);
  });

  it("is the sample alone where rows are not stacked, or it has none", () => {
    assert.deepEqual(sizes(1, 1), [1, 1]);
    assert.deepEqual(sizes(20, 16), [20, 20]);
    const scalar: Tensor = { name: "n", datatype: "FP32", shape: [], data: new Float32Array(1) };
    assert.equal([...warmupBatches([scalar], 64)].length, 2);
  });

  it("holds the sample's own values, once for each copy", () => {
    const [, , stacked] = warmupBatches(sample(2), 8);
    assert.deepEqual(stacked?.[0]?.data, new Float32Array(16).fill(7));
  });
});

describe("a warm-up", () => {
  /** A version whose runs cost so much by the row; the sizes that were run. */
  const run = async (msPerRow: number, refusesFrom = Number.POSITIVE_INFINITY) => {
    let now = 0;
    const sizes: number[] = [];
    await warmUp(
      warmupBatches(sample(1), 64),
      async (batch) => {
        if (rowsOf(batch) >= refusesFrom) throw new Error("the graph refuses");
        now += msPerRow * rowsOf(batch);
        sizes.push(rowsOf(batch));
      },
      () => now,
    );
    return sizes;
  };

  it("stops before it takes too long", async () => {
    assert.deepEqual(await run(1), [1, 1, 4, 16, 64]);
    assert.deepEqual(await run(50), [1, 1, 4]);
    assert.deepEqual(await run(900), [1]);
  });

  it("fails the version where its first run does, and no other", async () => {
    assert.deepEqual(await run(1, 16), [1, 1, 4]);
    await assert.rejects(run(1, 1), /the graph refuses/);
  });
});
