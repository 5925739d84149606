import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InlineTurns, type TurnRunner } from "./inline-turns.ts";

const turn = () => new Promise(setImmediate);

describe("InlineTurns", () => {
  it("gives all runners one budget a turn, and each the first place at times", async () => {
    const turns = new InlineTurns();
    const served: string[] = [];
    const greedy = (name: string): TurnRunner => {
      const runner: TurnRunner = {
        runTurn: () => {
          if (turns.budget.place(5) === "inline") {
            served.push(name);
            turns.budget.spend(1000);
          }
          if (served.length < 6) turns.plan(runner, 0);
        },
      };
      return runner;
    };
    for (const name of ["a", "b", "c"]) turns.plan(greedy(name), 0);
    for (let i = 0; i < 6; i += 1) {
      await turn();
      assert.equal(served.length, i + 1, "one of them a turn");
    }
    assert.deepEqual([...served].sort(), ["a", "a", "b", "b", "c", "c"]);
  });

  it("ends a turn at once that has lasted for too long", () => {
    const turns = new InlineTurns();
    let ran = 0;
    turns.plan(
      {
        runTurn: () => {
          ran += 1;
        },
      },
      100,
    );
    turns.endIfLate(101);
    assert.equal(ran, 0);
    turns.endIfLate(103);
    assert.equal(ran, 1);
    turns.endIfLate(200);
    assert.equal(ran, 1);
  });
});
