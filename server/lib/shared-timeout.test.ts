import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createDeferred } from "./deferred.ts";
import { SharedTimeout } from "./shared-timeout.ts";

interface Wait {
  readonly name: string;
}

/** Waits of `timeoutMs`, who was late and when, and a promise for the n-th of them. */
function setUp(timeoutMs: number, expected: number) {
  const late: { name: string; afterMs: number }[] = [];
  const done = createDeferred<void>();
  const startMs = performance.now();
  const timeouts = new SharedTimeout<Wait>(timeoutMs, ({ name }) => {
    late.push({ name, afterMs: performance.now() - startMs });
    if (late.length === expected) done.resolve();
  });
  // The timer itself keeps no thread alive.
  const keepAlive = setInterval(() => undefined, 1000);
  return {
    late,
    timeouts,
    done: done.promise.finally(() => clearInterval(keepAlive)),
    names: () => late.map(({ name }) => name),
  };
}

describe("SharedTimeout", () => {
  it("calls for each that has not ended, in order, once and not early", async () => {
    const { timeouts, late, names, done } = setUp(40, 2);
    const [a, b, c] = [{ name: "a" }, { name: "b" }, { name: "c" }];
    timeouts.start(a);
    timeouts.start(b);
    timeouts.start(c);
    timeouts.end(b);
    await done;
    assert.deepEqual(names(), ["a", "c"]);
    for (const { afterMs } of late) assert.ok(afterMs >= 40, `came after ${afterMs} ms`);
    timeouts.end(a);
  });

  it("gives one that began later its whole time", async () => {
    const { timeouts, late, names, done } = setUp(60, 2);
    timeouts.start({ name: "first" });
    let secondMs = 0;
    const begun = performance.now();
    setTimeout(() => {
      secondMs = performance.now() - begun;
      timeouts.start({ name: "second" });
    }, 30);
    await done;
    assert.deepEqual(names(), ["first", "second"]);
    assert.ok((late[1]?.afterMs ?? 0) >= secondMs + 60);
  });

  it("takes new waits after all have ended or fallen due", async () => {
    const { timeouts, names, done } = setUp(20, 2);
    const ended = { name: "ended" };
    timeouts.start(ended);
    timeouts.end(ended);
    timeouts.start({ name: "one" });
    const again = createDeferred<void>();
    setTimeout(() => {
      timeouts.start({ name: "two" });
      again.resolve();
    }, 60);
    await again.promise;
    await done;
    assert.deepEqual(names(), ["one", "two"]);
  });
});
