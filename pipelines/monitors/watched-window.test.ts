import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ColumnDrift, ObserveResult } from "./observe-spec.ts";
import { judgeWindows, lastingText } from "./watched-window.ts";

const drift = (column: string): ColumnDrift => ({
  column,
  kind: "text",
  distance: 0.312,
  adjustedP: 0.01,
  psi: 1,
  hasDrifted: true,
  text: "category 'told by a client' 5 % -> 0 %",
});
const window = (columns: readonly string[], isDegraded: boolean | null): ObserveResult => ({
  rows: 200,
  firstAtMs: 0,
  lastAtMs: 1,
  drift: columns.map(drift),
  performance:
    isDegraded === null
      ? null
      : { metric: "auc", coverage: 1, realised: 0.6, evaluated: 0.7, isDegraded },
});

describe("judgeWindows", () => {
  const monitor = { k: 2, n: 3 };

  it("acts on what was seen in k of the last n windows, column by column", () => {
    const judged = judgeWindows(
      [window(["a"], null), window(["b"], null), window(["a", "c"], null), window(["b"], null)],
      monitor,
    );
    assert.deepEqual(
      judged.map(({ alertColumns }) => alertColumns),
      [[], [], ["a"], ["b"]],
    );
  });

  it("finds a degradation whichever of its windows got its labels last", () => {
    const of = (...degraded: (boolean | null)[]) =>
      judgeWindows(
        degraded.map((each) => window([], each)),
        monitor,
      ).map(({ isDegradationAlert }) => isDegradationAlert);
    assert.deepEqual(of(false, null, true), [false, false, false]);
    assert.deepEqual(of(false, true, true), [false, false, true]);
    assert.deepEqual(of(true, false, false, true), [false, false, false, false]);
  });

  it("tells of a text column no more than its distance", () => {
    assert.equal(lastingText(drift("a")), "distance 0.31");
    assert.equal(
      lastingText({ ...drift("a"), kind: "number", text: "mean 1 -> 2" }),
      "mean 1 -> 2",
    );
  });
});
