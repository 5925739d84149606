import assert from "node:assert/strict";
import { test } from "node:test";
import { isWarm } from "./warm-up.ts";

test("a server is warm when it gets no cheaper, and after six loads at the latest", () => {
  assert.ok(!isWarm([]));
  assert.ok(!isWarm([100]));
  assert.ok(!isWarm([100, 90]));
  assert.ok(isWarm([100, 90, 88]));
  assert.ok(isWarm([100, 120]));
  assert.ok(!isWarm([100, 80, 60, 50, 40]));
  assert.ok(isWarm([100, 80, 60, 50, 40, 30]));
});
