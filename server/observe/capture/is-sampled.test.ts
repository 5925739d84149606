import assert from "node:assert/strict";
import { test } from "node:test";
import { InferenceIds } from "../../request/inference-ids.ts";
import { isSampled } from "./is-sampled.ts";

test("a sample is the share that was asked for, of ids that differ in a counter alone", () => {
  const ids = new InferenceIds();
  const minted = Array.from({ length: 20_000 }, () => ids.mint());
  for (const ratio of [0.01, 0.25, 0.9]) {
    const share = minted.filter((id) => isSampled(id, ratio)).length / minted.length;
    assert.ok(Math.abs(share - ratio) < 0.02, `${share} of ${ratio}`);
  }
});

test("the same id is always decided alike, a larger ratio keeps what a smaller one does", () => {
  for (let i = 0; i < 1000; i += 1) {
    const id = `event-${i}`;
    assert.equal(isSampled(id, 0.5), isSampled(id, 0.5));
    if (isSampled(id, 0.2)) assert.ok(isSampled(id, 0.3));
    assert.equal(isSampled(id, 0), false);
    assert.equal(isSampled(id, 1), true);
  }
});
