import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import * as tinyModels from "../../server/testing/tiny-models.ts";
import {
  createJobFixture,
  type JobFixture,
  numbers,
  put,
  tableOf,
  texts,
  writeParquet,
} from "../compile/testing/job-fixture.ts";
import { buildTreeGraph } from "../compile/tree-graph.ts";
import type { EvaluationConfig, ModelConfig } from "../project/project.ts";
import { LEAF, type Tree, type TreesModel } from "../train/trees-model.ts";
import { evaluate } from "./evaluate.ts";
import type { EvaluateResult, EvaluateSpec } from "./evaluate-spec.ts";
import { seededRandom } from "./paired-bootstrap.ts";

/** Left below 0, right from it on. */
function stump(feature: number, below: number, above: number): Tree {
  return {
    feature: [feature, LEAF, LEAF],
    threshold: [0, 0, 0],
    set: [null, null, null],
    left: [1, 0, 0],
    right: [2, 0, 0],
    missingLeft: [false, false, false],
    value: [0, below, above],
  };
}

const FEATURES: TreesModel["features"] = [
  { name: "x", kind: "number" },
  { name: "z", kind: "number" },
];

/** Knows x as well as `strength` says; adds `forZ` to the score where z is above 0 (group b). */
function modelOf(strength: number, forZ = 0): Uint8Array {
  return buildTreeGraph({
    schemaVersion: 1,
    task: "binary",
    features: FEATURES,
    baseValue: 0,
    trees: [stump(0, -strength, strength), stump(1, 0, forZ)],
  });
}

const ROWS = 3000;

describe("evaluate", () => {
  let files: JobFixture;
  let job: JobFixture;
  let evaluationPath: string;
  before(async () => {
    files = createJobFixture();
    const random = seededRandom(7);
    const x = Float64Array.from({ length: ROWS }, () => random() * 2 - 1);
    const z = Float64Array.from({ length: ROWS }, () => random() * 2 - 1);
    // P(y = 1) is 0.8 where x > 0 and 0.2 elsewhere.
    const y = x.map((value) => (random() < (value > 0 ? 0.8 : 0.2) ? 1 : 0));
    const group = Array.from(z, (value) => (value > 0 ? "b" : "a"));
    evaluationPath = join(files.folder, "evaluation.parquet");
    await writeParquet(
      evaluationPath,
      tableOf({ x: numbers(x), z: numbers(z), y: numbers(y), group: texts(group) }),
    );
  });
  after(() => files.remove());
  beforeEach(() => {
    job = createJobFixture();
  });
  afterEach(() => job.remove());

  const config = (evaluation: Partial<EvaluationConfig> = {}): ModelConfig => ({
    dataset: "d",
    target: "y",
    task: "binary",
    features: ["x", "z"],
    trainer: { kind: "command", name: "none", timeoutSecs: 1 },
    minRows: 10,
    evaluation: {
      fraction: 0.2,
      tolerance: 0.005,
      sliceTolerance: 0.05,
      minSliceRows: 200,
      bootstrapRounds: 100,
      ...evaluation,
    },
  });
  const specOf = (
    candidate: Uint8Array,
    champion: Uint8Array | null,
    evaluation: Partial<EvaluationConfig> = {},
  ): EvaluateSpec => ({
    model: "m",
    config: config(evaluation),
    features: [
      { name: "x", kind: "number" },
      { name: "z", kind: "number" },
    ],
    candidatePath: put(files.folder, "candidate.onnx", candidate),
    champion:
      champion === null
        ? null
        : { version: 3, modelPath: put(files.folder, "champion.onnx", champion) },
    evaluationPath,
  });
  const verdict = (result: EvaluateResult, gate: string) => {
    const found = result.verdicts.find((each) => each.gate === gate);
    assert.ok(found !== undefined, `no verdict of ${gate}`);
    return found;
  };

  it("stamps a first version that beats the baseline, and writes a report", async () => {
    const result = await evaluate(specOf(modelOf(1), null), job.context);
    assert.deepEqual([result.outcome, result.isRubberStamp, result.rows], ["passed", true, ROWS]);
    assert.equal(result.baseline.auc, 0.5);
    assert.ok((result.candidate.auc ?? 0) > 0.75 && (result.candidate.auc ?? 1) < 0.85);
    assert.match(verdict(result, "change").text, /first version/);
    assert.deepEqual([result.champion, result.change], [null, null]);
    assert.deepEqual(job.pauses, ["evaluated"]);
    const report = JSON.parse(readFileSync(join(job.folder, "report.json"), "utf8"));
    assert.equal(report.calibration.length, 10);
    assert.deepEqual(
      report.importance.map((each: { feature: string }) => each.feature),
      ["x", "z"],
    );
    assert.ok(report.importance[0].loss > 0.2);
    assert.equal(report.importance[1].loss, 0);
  });

  it("refuses a first version that knows no more than the baseline", async () => {
    const result = await evaluate(specOf(modelOf(0), null), job.context);
    assert.equal(result.outcome, "refused");
    assert.match(verdict(result, "baseline").text, /auc: asked better than 0.5 .* got 0.5 on 3000/);
  });

  it("accepts an equal candidate, with no tolerance at all too", async () => {
    const result = await evaluate(specOf(modelOf(1), modelOf(1), { tolerance: 0 }), job.context);
    assert.deepEqual([result.outcome, result.isRubberStamp], ["passed", false]);
    assert.deepEqual(result.change, { mean: 0, low: 0, high: 0 });
    assert.deepEqual(result.champion, result.candidate);
  });

  it("refuses a worse candidate and says by how much", async () => {
    const worse = modelOf(0.1, 3);
    const result = await evaluate(specOf(worse, modelOf(1)), job.context);
    assert.equal(result.outcome, "refused");
    assert.ok((result.change?.high ?? 0) < 0);
    const { passed, text } = verdict(result, "change");
    assert.equal(passed, false);
    assert.match(text, /version 3 0\.\d+: change -0\.\d+, 95 % interval .* on 3000 rows/);
    assert.doesNotMatch(text, /too few/);
    const better = await evaluate(specOf(modelOf(1), worse), job.context);
    assert.deepEqual([better.outcome, (better.change?.low ?? 0) > 0], ["passed", true]);
  });

  it("refuses in doubt, and says that rows are too few to tell", async () => {
    const spec = specOf(modelOf(1, 0.4), modelOf(1), { tolerance: 0, metric: "accuracy" });
    const path = join(files.folder, "few.parquet");
    // Where z is above 0 the candidate says the contrary: right on 6 of 10, the champion on 4.
    const halves = (left: number, right: number) =>
      numbers(Array.from({ length: 20 }, (_, row) => (row < 10 ? left : right)));
    const y = numbers(Array.from({ length: 20 }, (_, row) => (row < 4 ? 0 : 1)));
    const group = texts(Array.from({ length: 20 }, () => "a"));
    await writeParquet(path, tableOf({ x: halves(-1, 1), z: halves(1, -1), y, group }));
    const candidate = put(files.folder, "candidate.onnx", modelOf(1, 2));
    const result = await evaluate(
      { ...spec, candidatePath: candidate, evaluationPath: path },
      job.context,
    );
    assert.ok((result.change?.mean ?? 0) > 0);
    const { passed, text } = verdict(result, "change");
    assert.equal(passed, false);
    assert.match(text, /on 20 rows .*; these rows are too few to rule out that it is worse/);
  });

  it("holds thresholds, whatever the champion does", async () => {
    const thresholds = [
      { metric: "auc" as const, min: 0.95 },
      { metric: "logLoss" as const, max: 2 },
      { metric: "rmse" as const, max: 2 },
    ];
    const result = await evaluate(specOf(modelOf(1), null, { thresholds }), job.context);
    const found = result.verdicts.filter(({ gate }) => gate === "threshold");
    assert.deepEqual(
      found.map(({ passed }) => passed),
      [false, true, false],
    );
    assert.match(found[0]?.text ?? "", /auc: asked at least 0.95, got 0\.\d+/);
    assert.match(found[2]?.text ?? "", /rmse: asked at most 2, got none/);
    assert.equal(result.outcome, "refused");
  });

  it("refuses a candidate that is worse in one slice alone", async () => {
    const evaluation = { slices: ["group"], metric: "logLoss" as const, tolerance: 1 };
    const result = await evaluate(specOf(modelOf(1, 2), modelOf(1), evaluation), job.context);
    const failed = result.verdicts.filter(({ passed }) => !passed);
    assert.ok(failed.length > 0 && failed.every(({ gate }) => gate === "slice"));
    assert.match(
      failed[0]?.text ?? "",
      /logLoss where group is b: \d\.\d+, champion 0\.\d+ on \d+ rows/,
    );
    assert.deepEqual(result.slices.map((slice) => slice.value).sort(), ["a", "b"]);
    const few = { ...evaluation, minSliceRows: 2900 };
    const shown = await evaluate(specOf(modelOf(1, 2), modelOf(1), few), job.context);
    assert.deepEqual([shown.outcome, shown.slices.length], ["passed", 2]);
  });

  it("compares with a champion of fewer inputs, which these rows have", async () => {
    const old = buildTreeGraph({
      schemaVersion: 1,
      task: "binary",
      features: FEATURES.slice(0, 1),
      baseValue: 0,
      trees: [stump(0, -1, 1)],
    });
    const result = await evaluate(specOf(modelOf(1), old), job.context);
    assert.deepEqual([result.outcome, result.isRubberStamp], ["passed", false]);
    assert.deepEqual(result.change, { mean: 0, low: 0, high: 0 });
  });

  it("cannot compare with a champion of other inputs, and says so", async () => {
    const result = await evaluate(
      specOf(modelOf(1), tinyModels.identityModel("FP32")),
      job.context,
    );
    assert.deepEqual([result.outcome, result.isRubberStamp], ["passed", true]);
    assert.match(verdict(result, "change").text, /version 3 cannot be put to these rows/);
  });

  it("fails the change when a champion that fits does not run", async () => {
    // Declares one number a row and gives two: only the run finds out.
    const broken = tinyModels.modelOf({
      nodes: [
        tinyModels.node("MatMul", ["x", "w"], ["m"]),
        tinyModels.node("Squeeze", ["m"], ["probability"]),
      ],
      initializers: [tinyModels.floats("w", [1, 2], [1, 1])],
      inputs: [tinyModels.value("x", "FP32", ["rows", 1])],
      outputs: [tinyModels.value("probability", "FP32", ["rows"])],
    });
    const result = await evaluate(specOf(modelOf(1), broken), job.context);
    assert.equal(result.outcome, "refused");
    assert.match(verdict(result, "change").text, /version 3 gave no answers to compare with/);
  });

  it("rejects rows that cannot be evaluated on", async () => {
    const run = (changes: Partial<ModelConfig>) => {
      const spec = specOf(modelOf(1), null);
      return evaluate({ ...spec, config: { ...spec.config, ...changes } }, job.context);
    };
    await assert.rejects(run({ target: "nope" }), /expected the target 'nope'/);
    await assert.rejects(
      run({ target: "group" }),
      /expected numbers in the target 'group', got VARCHAR/,
    );
    await assert.rejects(run({ target: "z" }), /expected 0 or 1 in the target 'z', got 3000 rows/);
    const evaluation = { ...config().evaluation, slices: ["nope"] } as EvaluationConfig;
    await assert.rejects(run({ evaluation }), /expected a slice column 'nope'/);
  });
});
