import assert from "node:assert/strict";
import { test } from "node:test";
import { inspectModel } from "../../protocols/onnx/inspect-model.ts";
import { MLP } from "../models/bench-models.ts";
import { stampModel } from "./hot-swap-versions.ts";

test("a stamped model has other bytes and the same signature", () => {
  const bytes = MLP.bytes();
  const [one, two] = [stampModel(bytes, "one"), stampModel(bytes, "two")];
  assert.notDeepEqual(one, two);
  for (const stamped of [one, stampModel(one, "again")]) {
    assert.deepEqual(inspectModel(stamped).signature, inspectModel(bytes).signature);
  }
  assert.throws(() => stampModel(bytes, "é".repeat(64)), /at most 127 bytes, got 128/);
});
