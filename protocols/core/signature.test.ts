import assert from "node:assert/strict";
import { test } from "node:test";
import { explainIncompatibility, type TensorSignature } from "./signature.ts";

const X: TensorSignature = { name: "x", datatype: "FP32", shape: [-1, 4] };
const Y: TensorSignature = { name: "y", datatype: "FP32", shape: [-1, 1] };
const of = (input: TensorSignature) => ({ inputs: [input], outputs: [Y] });

test("an input may begin to take missing values, and not stop", () => {
  const nullable = { ...X, nullable: true };
  assert.equal(explainIncompatibility(of(X), of(nullable)), null);
  assert.equal(explainIncompatibility(of(nullable), of(nullable)), null);
  assert.equal(explainIncompatibility(of({ ...X, nullable: false }), of(X)), null);
  for (const next of [X, { ...X, nullable: false }]) {
    assert.equal(
      explainIncompatibility(of(nullable), of(next)),
      "input 'x' took missing values and no longer does",
    );
  }
});

test("another datatype, shape or name breaks, a freed dimension does not", () => {
  assert.match(explainIncompatibility(of(X), of({ ...X, datatype: "FP64" })) ?? "", /was FP32/);
  assert.match(explainIncompatibility(of(X), of({ ...X, shape: [-1, 5] })) ?? "", /had shape/);
  assert.match(explainIncompatibility(of(X), of({ ...X, name: "z" })) ?? "", /'z' is new/);
  assert.equal(explainIncompatibility(of(X), of({ ...X, shape: [-1, -1] })), null);
});
