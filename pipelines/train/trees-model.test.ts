import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTreesModel, serializeTreesModel, type Tree, type TreesModel } from "./trees-model.ts";

const stump: Tree = {
  feature: [0, -1, -1],
  threshold: [0.5, 0, 0],
  set: [null, null, null],
  left: [1, 0, 0],
  right: [2, 0, 0],
  missingLeft: [true, false, false],
  value: [0, -0.25, 0.1],
};

const withTree = (tree: Partial<Tree>): TreesModel => ({
  schemaVersion: 1,
  task: "binary",
  features: [
    { name: "a", kind: "number" },
    { name: "b", kind: "text", categories: ["x", "y"] },
  ],
  baseValue: -0.125,
  trees: [{ ...stump, ...tree }],
});

describe("trees.json", () => {
  it("comes back as it was, to the bit", () => {
    const model = withTree({ value: [0, 1 / 3, -(2 ** -40)] });
    assert.deepEqual(parseTreesModel(serializeTreesModel(model)), model);
  });

  const bad: [string, Partial<Tree>, RegExp][] = [
    ["lists of two lengths", { left: [1, 0] }, /tree 0: expected lists of one length/],
    ["no nodes", Object.fromEntries(Object.keys(stump).map((k) => [k, []])), /of one node or more/],
    ["a way back", { left: [0, 0, 0] }, /node 0: leads to node 0/],
    ["a way out", { right: [3, 0, 0] }, /node 0: leads to node 3/],
    ["an unknown feature", { feature: [2, -1, -1] }, /node 0: asks about feature 2 of 2/],
    ["a double threshold", { threshold: [0.1, 0, 0] }, /node 0: does not fit its number feature/],
    ["a text without a set", { feature: [1, -1, -1] }, /node 0: does not fit its text feature/],
    ["a code too high", { feature: [1, -1, -1], set: [[2], null, null] }, /its text feature/],
    ["an infinite leaf", { value: [0, Number.POSITIVE_INFINITY, 0] }, /\/trees\/0\/value\/1/],
  ];
  for (const [what, tree, message] of bad) {
    it(`refuses ${what}`, () => {
      assert.throws(() => parseTreesModel(serializeTreesModel(withTree(tree))), message);
    });
  }

  it("refuses another schema, and keys that it does not know", () => {
    const model = withTree({});
    assert.throws(() => parseTreesModel(JSON.stringify({ ...model, schemaVersion: 2 })), /schemaV/);
    assert.throws(() => parseTreesModel(JSON.stringify({ ...model, extra: 1 })), /extra/);
  });
});
