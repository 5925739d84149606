import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type HealthLimits,
  type HealthMemory,
  hasProved,
  judgeHealth,
  rememberHealth,
  type Verdict,
  type Vitals,
} from "./health-judge.ts";

const IDLE: Vitals = { answered: 0, faults: 0, lostThreads: 0, inFlight: 0 };
const LIMITS: HealthLimits = { maxRunMs: 1000, isOnProbation: false };

/** Looks at each in turn, 500 ms apart; the first verdict ends it. */
function follow(
  all: readonly Partial<Vitals>[],
  limits: HealthLimits = LIMITS,
): { verdict: Verdict | null; memory: HealthMemory } {
  let memory = rememberHealth(IDLE, 0);
  for (const [i, vitals] of all.entries()) {
    const judged = judgeHealth(memory, { ...IDLE, ...vitals }, (i + 1) * 500, limits);
    memory = judged.memory;
    if (judged.verdict !== null) return { verdict: judged.verdict, memory };
  }
  return { verdict: null, memory };
}

describe("health of a loaded version", () => {
  it("stalls when requests wait and none is answered for longer than maxRunMs", () => {
    const waiting = { inFlight: 1 };
    assert.equal(follow([waiting, waiting]).verdict, null);
    const { verdict } = follow([waiting, waiting, waiting]);
    assert.equal(verdict?.kind, "stalled");
    assert.match(verdict?.reason ?? "", /waited 1500 ms .*\(maxRunMs 1000\)/);
  });

  it("does not stall while it answers, is idle, or has no limit", () => {
    const answering = [1, 2, 3, 4, 5].map((answered) => ({ answered, inFlight: 9 }));
    assert.equal(follow(answering).verdict, null);
    assert.equal(follow([{ inFlight: 1 }, {}, { inFlight: 1 }, {}, { inFlight: 1 }]).verdict, null);
    const waiting = Array.from({ length: 9 }, () => ({ inFlight: 1 }));
    assert.equal(follow(waiting, { ...LIMITS, maxRunMs: 0 }).verdict, null);
  });

  it("tells faults of the engine from a few among many answers", () => {
    assert.equal(follow([{ faults: 10, answered: 1 }]).verdict?.kind, "faults");
    assert.equal(follow([{ faults: 9 }]).verdict, null);
    assert.equal(follow([{ faults: 50, answered: 50 }]).verdict, null);
  });

  it("counts lost threads within its window only", () => {
    assert.equal(follow([{ lostThreads: 5 }]).verdict?.kind, "threads-lost");
    const slowly = Array.from({ length: 400 }, (_, i) => ({ lostThreads: Math.floor(i / 20) }));
    assert.equal(follow(slowly).verdict, null);
  });

  it("on probation one loss or fault is too many, until it has proved itself", () => {
    const probation = { ...LIMITS, isOnProbation: true };
    assert.equal(follow([{ lostThreads: 1 }], probation).verdict?.kind, "threads-lost");
    assert.equal(follow([{ faults: 1 }], probation).verdict?.kind, "faults");
    assert.equal(hasProved(follow([{ answered: 9 }], probation).memory), false);
    assert.equal(hasProved(follow([{ answered: 10 }], probation).memory), true);
  });
});
