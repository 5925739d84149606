import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { topPlaces } from "./top-places.ts";

/** Pseudo-random, with many equals; the same in every run. */
function numbers(length: number): readonly number[] {
  let state = 7;
  return Array.from({ length }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state % 50;
  });
}

describe("top places", () => {
  test("are the head of the sorted whole, for every count", () => {
    for (const length of [0, 1, 2, 9, 200]) {
      const values = numbers(length);
      const compare = (a: number, b: number) =>
        (values[b] as number) - (values[a] as number) || a - b;
      const sorted = values.map((_, place) => place).sort(compare);
      for (const count of [0, 1, 2, 5, length].filter((each) => each <= length)) {
        assert.deepEqual(topPlaces(length, count, compare), sorted.slice(0, count));
      }
    }
  });

  test("compare each place once where the kept come first, whatever the length", () => {
    let compared = 0;
    const places = topPlaces(1000, 1, (a, b) => {
      compared += 1;
      return a - b;
    });
    assert.deepEqual([places, compared], [[0], 999]);
  });
});
