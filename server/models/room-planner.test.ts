import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { planRoom, type Resident, type RoomAsk } from "./room-planner.ts";

const ASK: RoomAsk = {
  needBytes: 10,
  budgetBytes: 100,
  mayEvict: true,
  nowMs: 1000,
  minResidentMs: 100,
};

function resident(key: string, bytes: number, rest: Partial<Resident> = {}): Resident {
  return {
    key,
    bytes,
    isKept: false,
    isInUse: false,
    isMoving: false,
    lastUsedMs: 0,
    readySinceMs: 0,
    ...rest,
  };
}

describe("room planner", () => {
  it("takes what is free, and anything without a budget", () => {
    assert.deepEqual(planRoom(ASK, [resident("a", 90)]), { kind: "fits", evict: [] });
    const none = { ...ASK, budgetBytes: 0, needBytes: 1e12 };
    assert.deepEqual(planRoom(none, [resident("a", 90)]), { kind: "fits", evict: [] });
  });

  it("lets the least recently used go, and no more than needed", () => {
    const residents = [
      resident("recent", 40, { lastUsedMs: 900 }),
      resident("small", 5, { lastUsedMs: 100 }),
      resident("old", 50, { lastUsedMs: 200 }),
    ];
    assert.deepEqual(planRoom({ ...ASK, needBytes: 50 }, residents), {
      kind: "fits",
      evict: ["old"],
    });
  });

  it("waits for what is in use, moving or young; says when the young come of age", () => {
    const busy = [resident("a", 60, { isInUse: true }), resident("b", 40, { isMoving: true })];
    assert.deepEqual(planRoom(ASK, busy), { kind: "wait", untilMs: 1050 });
    const young = [resident("a", 100, { readySinceMs: 920 })];
    assert.deepEqual(planRoom(ASK, young), { kind: "wait", untilMs: 1020 });
  });

  it("is full for an ask that may not evict, and never for what is larger than what is not kept", () => {
    const residents = [resident("a", 95)];
    const modest = planRoom({ ...ASK, mayEvict: false }, residents);
    assert.deepEqual(modest, { kind: "full", freeBytes: 5 });
    const kept = [resident("a", 95, { isKept: true })];
    assert.deepEqual(planRoom(ASK, kept), { kind: "never", keptBytes: 95 });
  });

  it("never plans over the budget, nor evicts what is kept, in use, moving or young", () => {
    fc.assert(
      fc.property(worlds, ({ residents, ask }) => {
        const plan = planRoom(ask, residents);
        const used = residents.reduce((sum, { bytes }) => sum + bytes, 0);
        if (plan.kind === "never") {
          const kept = residents.filter((each) => each.isKept);
          const keptBytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
          return ask.needBytes + keptBytes > ask.budgetBytes;
        }
        if (plan.kind === "wait") return ask.mayEvict && plan.untilMs > ask.nowMs;
        if (plan.kind === "full") return !ask.mayEvict && used + ask.needBytes > ask.budgetBytes;
        const evicted = residents.filter(({ key }) => plan.evict.includes(key));
        const gone = evicted.reduce((sum, { bytes }) => sum + bytes, 0);
        return (
          used - gone + ask.needBytes <= ask.budgetBytes &&
          (ask.mayEvict || evicted.length === 0) &&
          evicted.every((e) => !e.isKept && !e.isInUse && !e.isMoving && e.readySinceMs <= 900)
        );
      }),
      { numRuns: 2000 },
    );
  });

  it("serves every asked model in the end, however they take turns", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 40 }),
        (sizes, asked) => {
          const loaded = new Map<string, Resident>();
          let nowMs = 0;
          for (const index of asked.map((at) => at % sizes.length)) {
            nowMs = 1 + bringUp(loaded, String(index), sizes[index] as number, nowMs);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** Follows the planner until the model is loaded; returns when that is. */
function bringUp(
  loaded: Map<string, Resident>,
  key: string,
  needBytes: number,
  startMs: number,
): number {
  let nowMs = startMs;
  for (let looks = 0; !loaded.has(key); looks += 1) {
    assert.ok(looks < 10, `model ${key} is never loaded`);
    const plan = planRoom({ ...ASK, budgetBytes: 50, needBytes, nowMs }, [...loaded.values()]);
    assert.ok(plan.kind === "fits" || plan.kind === "wait", plan.kind);
    if (plan.kind === "wait") nowMs = plan.untilMs;
    else {
      for (const gone of plan.evict) loaded.delete(gone);
      loaded.set(key, resident(key, needBytes, { lastUsedMs: nowMs, readySinceMs: nowMs }));
    }
  }
  return nowMs;
}

const worlds = fc.record({
  residents: fc
    .array(
      fc.record({
        bytes: fc.integer({ min: 0, max: 60 }),
        isKept: fc.boolean(),
        isInUse: fc.boolean(),
        isMoving: fc.boolean(),
        lastUsedMs: fc.integer({ min: 0, max: 1000 }),
        readySinceMs: fc.integer({ min: 0, max: 1000 }),
      }),
      { maxLength: 10 },
    )
    .map((all) => all.map((each, i): Resident => ({ ...each, key: String(i) }))),
  ask: fc.record({
    needBytes: fc.integer({ min: 0, max: 120 }),
    budgetBytes: fc.integer({ min: 1, max: 200 }),
    mayEvict: fc.boolean(),
    nowMs: fc.constant(1000),
    minResidentMs: fc.constant(100),
  }),
});
