import assert from "node:assert/strict";
import { test } from "node:test";
import { Gatherings } from "./gatherings.ts";

test("all that came, or what came in time; late answers are dropped", async () => {
  const gatherings = new Gatherings<string>();
  const calls: number[] = [];
  const ask = (callId: number) => void calls.push(callId);
  const whole = gatherings.gather(2, 60_000, ask);
  const late = gatherings.gather(2, 1, ask);
  gatherings.take(calls[1] as number, "of the second");
  for (const answer of ["a", "b"]) gatherings.take(calls[0] as number, answer);
  assert.deepEqual(await whole, ["a", "b"]);
  assert.deepEqual(await late, ["of the second"]);
  gatherings.take(calls[1] as number, "late");
  assert.deepEqual(await gatherings.gather(0, 60_000, ask), []);
  assert.equal(calls.length, 2);
});
