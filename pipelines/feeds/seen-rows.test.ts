import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newRowFilter, rememberRows, rowDigest } from "./seen-rows.ts";

describe("rows that were seen", () => {
  it("counts equal rows: of three, of which two were taken, one is new", () => {
    const isNew = newRowFilter([{ at: 1n, digest: "a", count: 2 }]);
    assert.deepEqual([isNew("a"), isNew("a"), isNew("a"), isNew("b")], [false, false, true, true]);
  });

  it("forgets what is below the floor and adds up the rest", () => {
    const seen = [
      { at: 1n, digest: "old", count: 1 },
      { at: 5n, digest: "a", count: 1 },
    ];
    const taken = [
      { at: 5n, digest: "a" },
      { at: 6n, digest: "b" },
    ];
    assert.deepEqual(rememberRows(seen, taken, 5n), [
      { at: 5n, digest: "a", count: 2 },
      { at: 6n, digest: "b", count: 1 },
    ]);
  });

  it("tells cells apart, null from text, and one key from another", () => {
    const digests = [
      rowDigest("k", ["a", "b"]),
      rowDigest("k", ["ab", ""]),
      rowDigest("k", ["a", null]),
      rowDigest("k", ["a", "null"]),
      rowDigest("other", ["a", "b"]),
      rowDigest(null, ["a", "b"]),
    ];
    assert.equal(new Set(digests).size, digests.length);
    assert.equal(rowDigest("k", ["a", "b"]), digests[0]);
  });
});
