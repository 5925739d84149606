import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { parseGolden } from "../../protocols/oip-rest/golden-file.ts";
import { modelOf, node, scaleModel, value } from "../../server/testing/tiny-models.ts";
import type { Table } from "../datasets/column.ts";
import { predict } from "../train/predict.ts";
import { serializeTreesModel } from "../train/trees-model.ts";
import { compile } from "./compile.ts";
import type { CompileSpec } from "./compile-spec.ts";
import {
  createJobFixture,
  type JobFixture,
  numbers,
  put,
  tableOf,
  writeParquet,
} from "./testing/job-fixture.ts";
import { featuresOf, randomRows, randomTrees } from "./testing/random-trees.ts";

const MODEL = randomTrees({
  task: "binary",
  seed: 11,
  trees: 20,
  maxLeaves: 12,
  features: [null, ["", "red", "blue"], null],
});

describe("compile", () => {
  let job: JobFixture;
  let source: JobFixture;
  beforeEach(() => {
    job = createJobFixture();
    source = createJobFixture();
  });
  afterEach(() => {
    job.remove();
    source.remove();
  });

  const sampleOf = async (table: Table, predictions: Float64Array) => {
    const path = join(source.folder, "sample.parquet");
    const columns = new Map(table.columns).set("prediction", numbers(predictions));
    await writeParquet(path, { rows: table.rows, columns });
    return path;
  };
  const treesSpec = async (change: (predictions: Float64Array) => void): Promise<CompileSpec> => {
    const table = randomRows(MODEL, 200, 12);
    const predictions = predict(MODEL, table);
    change(predictions);
    return {
      model: "m",
      task: "binary",
      features: featuresOf(MODEL),
      artifact: {
        kind: "trees",
        file: put(source.folder, "trees.json", serializeTreesModel(MODEL)),
      },
      samplePath: await sampleOf(table, predictions),
    };
  };
  const onnxSpec = async (bytes: Uint8Array, factor: number): Promise<CompileSpec> => {
    const x = numbers([1, 2, 3.5]);
    return {
      model: "m",
      task: "regression",
      features: [{ name: "x", kind: "number" }],
      artifact: { kind: "onnx", file: put(source.folder, "given.onnx", bytes) },
      samplePath: await sampleOf(
        tableOf({ x }),
        Float64Array.from([1, 2, 3.5], (each) => each * factor),
      ),
    };
  };
  /** value = x + x, FP32 [rows,1]. */
  const doubling = () =>
    modelOf({
      nodes: [node("Add", ["x", "x"], ["value"])],
      inputs: [value("x", "FP32", ["rows", 1])],
      outputs: [value("value", "FP32", ["rows", 1])],
    });

  it("passes trees whose graph answers as the trainer did, with golden requests", async () => {
    const result = await compile(await treesSpec(() => undefined), job.context);
    assert.equal(result.outcome, "passed", result.reason ?? "");
    assert.equal(result.modelFile, "model.onnx");
    assert.equal(result.modelBytes, readFileSync(join(job.folder, "model.onnx")).byteLength);
    assert.equal(result.replay?.rows, 200);
    assert.ok((result.replay?.maxAbsDifference ?? 1) <= (result.replay?.tolerance ?? 0));
    assert.deepEqual(job.pauses, ["built", "replayed"]);
    const golden = parseGolden(readFileSync(join(job.folder, String(result.goldenFile))));
    assert.deepEqual(
      golden.map(({ outputs }) => outputs[0]?.shape),
      [
        [1, 1],
        [1, 1],
        [1, 1],
        [1, 1],
        [8, 1],
      ],
    );
    const hasMissing = golden.some(({ inputs }) => inputs.some(({ hasNull }) => hasNull === true));
    assert.ok(hasMissing, "expected a request with a missing number");
  });

  it("refuses a graph that answers one row otherwise", async () => {
    const spec = await treesSpec((predictions) => {
      predictions[6] = (predictions[6] as number) + 1e-9;
    });
    const result = await compile(spec, job.context);
    assert.equal(result.outcome, "refused");
    assert.match(
      result.reason ?? "",
      /^replay: 1 of 200 rows differ .* by up to 1\.\d*e-9 .*rows 7\)/,
    );
    assert.equal(result.goldenFile, null);
    assert.equal(result.modelFile, "model.onnx");
  });

  it("refuses where the trainer left no answer, or no rows", async () => {
    const missing = await compile(await treesSpec((p) => p.fill(Number.NaN, 0, 2)), job.context);
    assert.match(missing.reason ?? "", /replay: 2 of 200 rows differ/);
    const spec = await treesSpec(() => undefined);
    const none = { rows: 0, columns: randomRows(MODEL, 0, 1).columns };
    const samplePath = await sampleOf(none, new Float64Array(0));
    const empty = await compile({ ...spec, samplePath }, job.context);
    assert.match(empty.reason ?? "", /no sample rows/);
  });

  it("refuses trees of other features than were declared", async () => {
    const spec = await treesSpec(() => undefined);
    const result = await compile({ ...spec, task: "regression" }, job.context);
    assert.match(result.reason ?? "", /expected trees for regression/);
    assert.equal(result.modelFile, null);
  });

  it("takes a ready graph as it is, and holds it against the trainer's answers", async () => {
    const bytes = doubling();
    const passed = await compile(await onnxSpec(bytes, 2), job.context);
    assert.equal(passed.outcome, "passed", passed.reason ?? "");
    assert.deepEqual(new Uint8Array(readFileSync(join(job.folder, "model.onnx"))), bytes);
    const refused = await compile(await onnxSpec(bytes, 2.001), job.context);
    assert.match(refused.reason ?? "", /^replay: 3 of 3 rows differ/);
  });

  it("refuses a ready graph that does not take the features, or gives no prediction", async () => {
    const other = await compile(await onnxSpec(scaleModel(2), 2), job.context);
    assert.match(other.reason ?? "", /expected an input 'x' FP32\[-1,1\], got 'x' FP32\[-1,4\]/);
    const spec = await onnxSpec(doubling(), 2);
    const features = [...spec.features, { name: "y", kind: "number" as const }];
    const more = {
      ...spec,
      features,
      samplePath: await sampleOf(tableOf({ x: numbers([1]), y: numbers([1]) }), Float64Array.of(2)),
    };
    assert.match((await compile(more, job.context)).reason ?? "", /expected an input 'y'/);
    const whole = modelOf({
      nodes: [node("Identity", ["x"], ["y"])],
      inputs: [value("x", "FP32", ["rows", 1])],
      outputs: [value("y", "FP32", ["rows", 3])],
    });
    const result = await compile(await onnxSpec(whole, 1), job.context);
    assert.match(result.reason ?? "", /expected an output 'value'.*got y FP32\[-1,3\]/);
  });

  it("refuses bytes that are no model, and says so of a sample without the columns", async () => {
    const result = await compile(await onnxSpec(new TextEncoder().encode("PK"), 2), job.context);
    assert.equal(result.outcome, "refused");
    const spec = await onnxSpec(doubling(), 2);
    const features = [{ name: "z", kind: "number" as const }];
    await assert.rejects(compile({ ...spec, features }, job.context), /expected a column 'z'/);
  });
});
