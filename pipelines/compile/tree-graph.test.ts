import assert from "node:assert/strict";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { ModelProtoSchema } from "onnx-buf";
import { inspectModel } from "../../protocols/onnx/inspect-model.ts";
import { predict } from "../train/predict.ts";
import type { TreesModel } from "../train/trees-model.ts";
import { openOnnx } from "./onnx-session.ts";
import { TREES_TOLERANCE } from "./replay.ts";
import { createJobFixture, put } from "./testing/job-fixture.ts";
import { featuresOf, randomRows, randomTrees } from "./testing/random-trees.ts";
import { buildTreeGraph } from "./tree-graph.ts";

describe("the graph of trees", () => {
  const fixture = createJobFixture();
  after(() => fixture.remove());

  const answersOf = async (model: TreesModel, rows: number, seed: number) => {
    const path = put(fixture.folder, "model.onnx", buildTreeGraph(model));
    const table = randomRows(model, rows, seed);
    const graph = await openOnnx(join(path), model.task);
    try {
      return { graph: await graph.run(table, featuresOf(model)), trainer: predict(model, table) };
    } finally {
      await graph.close();
    }
  };

  it("answers as the trainer does: values bit for bit, probabilities within 2^-50", async () => {
    const categories = fc.uniqueArray(fc.string({ maxLength: 6 }), { maxLength: 90 });
    const options = fc.record({
      task: fc.constantFrom("binary" as const, "regression" as const),
      seed: fc.nat(1e6),
      trees: fc.nat(60),
      maxLeaves: fc.integer({ min: 1, max: 40 }),
      features: fc.array(fc.option(categories), { minLength: 1, maxLength: 6 }),
    });
    await fc.assert(
      fc.asyncProperty(options, async (drawn) => {
        const { graph, trainer } = await answersOf(randomTrees(drawn), 300, drawn.seed);
        graph.forEach((answer, row) => {
          const difference = Math.abs(answer - (trainer[row] as number));
          assert.ok(difference <= TREES_TOLERANCE[drawn.task], `row ${row}: ${difference}`);
        });
      }),
      { numRuns: 40 },
    );
  });

  it("has an answer for more rows than one batch, and for none", async () => {
    const model = randomTrees({
      task: "regression",
      seed: 3,
      trees: 5,
      maxLeaves: 8,
      features: [null, ["a", "b"]],
    });
    const many = await answersOf(model, 9000, 4);
    assert.deepEqual(many.graph, many.trainer);
    assert.equal((await answersOf(model, 0, 4)).graph.length, 0);
  });

  it("says what it takes and gives, and that every input may be missing", () => {
    const bytes = buildTreeGraph(
      randomTrees({ task: "binary", seed: 1, trees: 1, maxLeaves: 4, features: [null, ["a"]] }),
    );
    const { signature, opset, irVersion } = inspectModel(bytes);
    const shapes = (all: typeof signature.inputs) =>
      all.map(({ name, datatype, shape }) => `${name} ${datatype} ${shape}`);
    assert.deepEqual(shapes(signature.inputs), ["n0 FP32 -1,1", "t1 BYTES -1,1"]);
    assert.deepEqual(shapes(signature.outputs), ["probability FP64 -1,1", "label INT64 -1,1"]);
    assert.deepEqual([opset, irVersion], [{ "": 21, "ai.onnx.ml": 5 }, 10]);
    const { metadataProps } = fromBinary(ModelProtoSchema, bytes);
    assert.equal(metadataProps[0]?.key, "sluice.nullable");
    assert.deepEqual(JSON.parse(metadataProps[0]?.value ?? ""), ["n0", "t1"]);
  });

  it("refuses a feature with the name of an output", () => {
    const model = randomTrees({
      task: "regression",
      seed: 1,
      trees: 1,
      maxLeaves: 2,
      features: [null],
    });
    const named = { ...model, features: [{ name: "value", kind: "number" as const }] };
    assert.throws(() => buildTreeGraph(named), /feature 'value' has the name of an output/);
  });

  it("takes features of any other name, its own inner names too", async () => {
    const model = randomTrees({
      task: "regression",
      seed: 5,
      trees: 4,
      maxLeaves: 6,
      features: [null, ["x", "y"]],
    });
    const named: TreesModel = {
      ...model,
      features: [
        { name: "#row", kind: "number" },
        { name: "##code1", kind: "text", categories: ["x", "y"] },
      ],
    };
    const { graph, trainer } = await answersOf(named, 100, 6);
    assert.deepEqual(graph, trainer);
  });
});
