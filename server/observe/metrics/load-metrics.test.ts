import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { VersionState } from "../../models/lifecycle.ts";
import { LoadTimer } from "./load-metrics.ts";

/** Steps of version 1 of "m", each with the time at which it is entered. */
function phasesOf(steps: readonly (readonly [VersionState, number])[]): string[] {
  const phases: string[] = [];
  const timer = new LoadTimer((phase, seconds) => phases.push(`${phase} ${seconds}`));
  let from: VersionState = "absent";
  for (const [to, atMs] of steps) {
    timer.take({ id: { model: "m", version: 1 }, from, to, reason: null, atMs });
    from = to;
  }
  return phases;
}

describe("the time that a load takes", () => {
  it("is told by phase and as a whole", () => {
    const phases = phasesOf([
      ["downloading", 1000],
      ["verified", 3000],
      ["vetting", 3000],
      ["loading", 3500],
      ["warming", 4500],
      ["ready", 4750],
    ]);
    assert.deepEqual(phases, ["fetch 2", "vet 0.5", "load 1", "warm 0.25", "total 3.75"]);
  });

  it("counts of a broken load what it finished, and starts anew", () => {
    const phases = phasesOf([
      ["downloading", 0],
      ["verified", 1000],
      ["vetting", 1000],
      ["failed", 9000],
      ["downloading", 60_000],
      ["verified", 60_000],
      ["vetting", 60_000],
      ["unloaded", 61_000],
    ]);
    assert.deepEqual(phases, ["fetch 1", "fetch 0"]);
  });

  it("is not told of versions that drain, and never negative", () => {
    assert.deepEqual(
      phasesOf([
        ["draining", 0],
        ["unloaded", 1000],
        ["downloading", 5000],
        ["verified", 4000],
      ]),
      ["fetch 0"],
    );
  });
});
