import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TurnBudget } from "./turn-budget.ts";

describe("TurnBudget", () => {
  it("takes jobs until the turn has run for a millisecond", () => {
    const budget = new TurnBudget();
    budget.begin();
    budget.spend(999);
    assert.equal(budget.place(150), "inline");
    budget.spend(1);
    assert.equal(budget.place(150), "engine");
    assert.equal(budget.place(5), "next-turn");
    budget.begin();
    assert.equal(budget.place(150), "inline");
  });
});
