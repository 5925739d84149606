import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InferError } from "../../protocols/core/status.ts";
import { ByteBudget } from "./byte-budget.ts";

describe("byte budget", () => {
  it("is one for all who share it, and refuses what does not fit", () => {
    const shared = new SharedArrayBuffer(8);
    const [one, other] = [new ByteBudget(shared, 100), new ByteBudget(shared, 100)];
    one.reserve(60);
    assert.throws(
      () => other.reserve(41),
      (thrown) => thrown instanceof InferError && thrown.code === "queue-full",
    );
    other.reserve(40);
    assert.equal(one.usedBytes, 100);
    one.release(60);
    other.release(40);
    assert.equal(other.usedBytes, 0);
  });
});
