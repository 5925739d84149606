import assert from "node:assert/strict";
import { test } from "node:test";
import { createRefusal, InferError } from "./status.ts";

test("a refusal is an error like others, without a stack; others keep theirs", () => {
  const { stackTraceLimit } = Error;
  const refusal = createRefusal("queue-full", "no room", 7);
  assert.ok(refusal instanceof InferError);
  assert.deepEqual(
    [refusal.code, refusal.message, refusal.retryAfterMs, refusal.details],
    ["queue-full", "no room", 7, null],
  );
  assert.doesNotMatch(refusal.stack ?? "", /\n/);
  assert.equal(Error.stackTraceLimit, stackTraceLimit);
  assert.match(new InferError("queue-full", "no room").stack ?? "", /status\.test/);
});
