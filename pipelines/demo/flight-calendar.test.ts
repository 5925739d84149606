import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { dateOf, daysToGo, isChanged, phaseOf } from "./flight-calendar.ts";

describe("the demo's calendar", () => {
  it("goes from history to quiet days, to changed ones, and on", () => {
    const phases = daysToGo(0).map(phaseOf);
    assert.deepEqual(phases, [
      ...Array(3).fill("history"),
      ...Array(2).fill("quiet"),
      ...Array(3).fill("changed"),
      "after",
    ]);
    assert.deepEqual([isChanged(4), isChanged(5), isChanged(8)], [false, true, true]);
  });

  it("goes on where it was left, and by one day when it is through", () => {
    assert.deepEqual(daysToGo(6), [6, 7, 8]);
    assert.deepEqual(daysToGo(9), [9]);
  });

  it("ends with the data set", () => {
    assert.equal(dateOf(0), "2001-01-18");
    assert.equal(dateOf(163), "2001-06-30");
    assert.equal(dateOf(164), null);
    assert.deepEqual(daysToGo(164), []);
  });
});
