import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Signature } from "../../protocols/core/signature.ts";
import type { Tensor } from "../../protocols/core/tensor.ts";
import { MAX_SHAPE_CLASSES, ShapeClasses } from "./shape-class.ts";

const FREE: Signature = {
  inputs: [{ name: "x", datatype: "FP32", shape: [-1, -1] }],
  outputs: [
    { name: "y", datatype: "FP32", shape: [-1, -1] },
    { name: "z", datatype: "FP32", shape: [-1, -1] },
  ],
};
const OPTIONS = { inlineBudgetUs: 200, sampleMs: 0.01 };

function job(shape: readonly number[], outputs: readonly string[] = ["y", "z"]) {
  const length = shape.reduce((product, dim) => product * dim, 1);
  const x: Tensor = { name: "x", datatype: "FP32", shape, data: new Float32Array(length) };
  return { inputs: [x], outputs };
}

describe("ShapeClasses", () => {
  it("puts jobs together that differ in rows alone", () => {
    const classes = new ShapeClasses(FREE, OPTIONS);
    assert.equal(classes.find(job([1, 4])), classes.find(job([7, 4])));
    assert.notEqual(classes.find(job([1, 4])), classes.find(job([1, 5])));
  });

  it("keeps apart what asks for other outputs, or in another order", () => {
    const classes = new ShapeClasses(FREE, OPTIONS);
    const found = [["y", "z"], ["z", "y"], ["z"]].map((names) => classes.find(job([1, 4], names)));
    assert.equal(new Set(found).size, 3);
    assert.deepEqual(
      found.map((each) => each?.outputs),
      [[0, 1], [1, 0], [1]],
    );
  });

  it("knows a bounded number of classes, and forgets the least used", () => {
    const classes = new ShapeClasses<string>(FREE, OPTIONS);
    const first = classes.find(job([1, 1]));
    for (let width = 2; width <= MAX_SHAPE_CLASSES; width += 1) classes.find(job([1, width]));
    const last = classes.find(job([1, MAX_SHAPE_CLASSES]));
    for (let width = 100; width < 200; width += 1) {
      assert.notEqual(classes.find(job([1, width])), null);
    }
    assert.equal(classes.find(job([3, 1])), first);
    // It was used twice, and so went ahead of one that junk pushed out.
    assert.equal(classes.find(job([3, MAX_SHAPE_CLASSES])), last);
    assert.notEqual(classes.find(job([1, 100])), null);
  });

  it("forgets no class whose jobs wait, and makes no room where all do", () => {
    const classes = new ShapeClasses<string>(FREE, OPTIONS);
    for (let width = 1; width <= MAX_SHAPE_CLASSES; width += 1) {
      classes.find(job([1, width]))?.waiting.push("a job");
    }
    assert.equal(classes.find(job([1, 99])), null);
  });

  it("tells ranks apart, and fewer outputs from more", () => {
    const classes = new ShapeClasses<string>(FREE, OPTIONS);
    const all = [job([1, 4]), job([1]), job([1, 4, 1]), job([1, 4], ["y"])].map((each) =>
      classes.find(each),
    );
    assert.equal(new Set(all).size, 4);
  });

  it("uses the sample of vetting where there is one shape only", () => {
    const fixed: Signature = {
      ...FREE,
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
    };
    assert.equal(new ShapeClasses(fixed, OPTIONS).find(job([1, 4]))?.placement.isInline, true);
    assert.equal(new ShapeClasses(FREE, OPTIONS).find(job([1, 4]))?.placement.isInline, false);
  });

  it("tells whether jobs may run on the serving thread, before there was one too", () => {
    const fixed: Signature = {
      ...FREE,
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
    };
    const cheap = new ShapeClasses(fixed, OPTIONS);
    assert.equal(cheap.isAnyInline, true);
    const placement = cheap.find(job([1, 4]))?.placement;
    assert.equal(cheap.isAnyInline, true);
    placement?.observeInline(1, 1e9, 1);
    // A further class would start there, but nobody has asked for one.
    assert.equal(cheap.isAnyInline, false);
    assert.equal(new ShapeClasses(fixed, { ...OPTIONS, sampleMs: 5 }).isAnyInline, false);
    assert.equal(new ShapeClasses(fixed, { ...OPTIONS, sampleMs: null }).isAnyInline, false);
    // The sample tells of one shape only.
    assert.equal(new ShapeClasses(FREE, OPTIONS).isAnyInline, false);
  });
});
