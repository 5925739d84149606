import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { groupCategories, RARE, UNSEEN } from "./category-groups.ts";

const counts = (entries: Readonly<Record<string, number>>) => new Map(Object.entries(entries));

describe("groups of categories", () => {
  it("keeps what is frequent and puts the rest together", () => {
    const groups = groupCategories(
      counts({ a: 600, b: 390, c: 8, once: 1, other: 1 }),
      counts({ a: 60, b: 38, c: 1, new: 1 }),
    );
    assert.deepEqual(groups, [
      { name: "a", kind: "category", reference: 600, window: 60 },
      { name: "b", kind: "category", reference: 390, window: 38 },
      { name: RARE, kind: "rare", reference: 8, window: 1 },
      { name: UNSEEN, kind: "unseen", reference: 2, window: 1 },
    ]);
  });

  it("lets a new category stand by itself as soon as there is much of it", () => {
    const groups = groupCategories(counts({ a: 1000 }), counts({ a: 40, new: 60 }));
    assert.deepEqual(groups.at(-1), { name: "new", kind: "category", reference: 0, window: 60 });
  });

  it("loses no row", () => {
    const reference = new Map(Array.from({ length: 300 }, (_, i) => [`c${i}`, 1 + (i % 9)]));
    const window = new Map(Array.from({ length: 300 }, (_, i) => [`c${i + 100}`, 1 + (i % 4)]));
    const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);
    const groups = groupCategories(reference, window);
    assert.equal(sum(groups.map((group) => group.reference)), sum(reference.values()));
    assert.equal(sum(groups.map((group) => group.window)), sum(window.values()));
  });

  it("has none without rows", () => {
    assert.deepEqual(groupCategories(new Map(), new Map()), []);
  });
});
