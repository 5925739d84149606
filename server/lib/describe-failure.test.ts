import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { describeFailure } from "./describe-failure.ts";

it("tells what failed, and no folder of the machine", () => {
  const failureOf = (act: () => unknown) => {
    try {
      return act();
    } catch (thrown) {
      return thrown;
    }
  };
  const missing = failureOf(() => readFileSync("/no/such/file"));
  assert.equal(describeFailure(missing), "ENOENT in open");
  assert.equal(
    describeFailure(new Error("model.onnx: expected 3 bytes in /var/lib/x/cache, got 2")),
    "model.onnx: expected 3 bytes in …, got 2",
  );
  const relative = "models/m/versions/1/model.onnx is torn";
  assert.equal(describeFailure(relative), relative);
});
