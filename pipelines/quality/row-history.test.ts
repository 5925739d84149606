import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fewestRows } from "./row-history.ts";

describe("the fewest rows by history", () => {
  it("says nothing before three batches", () => {
    assert.equal(fewestRows([]), null);
    assert.equal(fewestRows([1000, 900]), null);
  });

  it("is a tenth of the median, whatever one batch was", () => {
    assert.equal(fewestRows([1500, 1490, 1480]), 149);
    assert.equal(fewestRows([1000, 1_000_000, 900]), 100);
  });

  it("lets in what was let in before", () => {
    assert.equal(fewestRows([1000, 1005, 990, 60, 1010]), 30);
  });

  it("forgets batches of long ago", () => {
    const recent = Array.from({ length: 30 }, (_, day) => 100 + day);
    assert.equal(fewestRows([...Array(50).fill(10_000), ...recent]), 12);
  });
});
