import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionsFor } from "./overload.ts";

test("connections are enough for all that may wait for its deadline, within bounds", () => {
  assert.equal(connectionsFor(10_000, 35), 1000);
  assert.equal(connectionsFor(10, 50), 64);
  assert.equal(connectionsFor(1e6, 50), 4000);
});
