import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AuditEntry } from "./audit-record.ts";
import { createDenialCoalescer } from "./denial-coalescer.ts";
import type { Denial } from "./key-gatekeeper.ts";

function setUp(maxBuckets = 100) {
  const time = { now: 0 };
  const entries: AuditEntry[] = [];
  const emit = (entry: AuditEntry) => entries.push(entry);
  const clock = () => time.now;
  const coalescer = createDenialCoalescer({ windowMs: 1000, maxBuckets, clock, emit });
  return { time, entries, coalescer };
}

function denialOf(model: string | null, principal = "k1"): Denial {
  return { principal, action: "infer", model, code: "permission-denied" };
}

describe("the denial coalescer", () => {
  it("writes one record a window for the same refusal", () => {
    const { time, entries, coalescer } = setUp();
    for (time.now = 0; time.now < 1000; time.now += 100) coalescer.add(denialOf("m"));
    assert.equal(entries.length, 0);
    time.now = 1000;
    coalescer.flushDue();
    assert.deepEqual(entries, [
      {
        actor: "k1",
        action: "access.denied",
        target: "m",
        outcome: "denied",
        details: {
          asked: "infer",
          code: "permission-denied",
          count: 10,
          firstAt: "1970-01-01T00:00:00.000Z",
          lastAt: "1970-01-01T00:00:00.900Z",
        },
      },
    ]);
    coalescer.add(denialOf("m"));
    time.now = 1999;
    coalescer.flushDue();
    assert.equal(entries.length, 1, "the new window is not over");
    time.now = 2000;
    coalescer.add(denialOf("m"));
    assert.equal(entries.length, 2, "the next refusal ends the window too");
  });

  it("keeps apart who, what, which and why; flush writes all", () => {
    const { entries, coalescer } = setUp();
    const different: Denial[] = [
      denialOf("m"),
      denialOf("n"),
      denialOf(null),
      denialOf("m", "k2"),
      { ...denialOf("m"), action: "admin" },
      { ...denialOf("m"), code: "unauthenticated" },
    ];
    for (const denial of different) coalescer.add(denial);
    coalescer.flush();
    assert.equal(entries.length, different.length);
    coalescer.flush();
    assert.equal(entries.length, different.length, "nothing twice");
  });

  it("stays bounded under a flood of names, and counts every one", () => {
    const { entries, coalescer } = setUp(10);
    for (let at = 0; at < 1000; at++) coalescer.add(denialOf(`m${at}`));
    coalescer.flush();
    assert.equal(entries.length, 11);
    const counts = entries.map(({ details }) => Number(details["count"]));
    assert.equal(
      counts.reduce((a, b) => a + b, 0),
      1000,
    );
    assert.equal(entries.at(-1)?.target, "(other models)");
  });
});
