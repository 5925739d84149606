import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { Table } from "../datasets/column.ts";
import { predict } from "../train/predict.ts";
import type { Feature } from "../train/train-spec.ts";
import { openOnnx } from "./onnx-session.ts";
import { createJobFixture, numbers, put, tableOf } from "./testing/job-fixture.ts";
import { buildTreeGraph } from "./tree-graph.ts";
import { readXgboost } from "./xgboost-trees.ts";

const FEATURES: readonly Feature[] = [
  { name: "a", kind: "number" },
  { name: "b", kind: "number" },
];

interface Changes {
  readonly baseScore?: string;
  readonly objective?: string;
  readonly booster?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly names?: readonly string[];
  readonly tree?: Readonly<Record<string, unknown>>;
  /** Flags as 3.x writes them (0, 1) or as older ones did. */
  readonly flags?: "numbers" | "booleans";
}

/** One stump on b at 0.1, missing left, and a tree of two questions: XGBoost's own layout. */
function modelJson(changes: Changes): string {
  const flag = (on: boolean) => (changes.flags === "booleans" ? on : Number(on));
  const stump = {
    tree_param: { num_nodes: "3", num_feature: "2", size_leaf_vector: "1" },
    left_children: [1, -1, -1],
    right_children: [2, -1, -1],
    split_indices: [1, 0, 0],
    split_conditions: [0.1, -0.4, 0.6],
    default_left: [flag(true), flag(false), flag(false)],
    split_type: [0, 0, 0],
    categories_nodes: [],
  };
  const deeper = {
    ...stump,
    left_children: [1, 3, -1, -1, -1],
    right_children: [2, 4, -1, -1, -1],
    split_indices: [0, 1, 0, 0, 0],
    split_conditions: [0, -2.5, 0.25, 0.125, -0.3],
    default_left: [flag(false), flag(true), flag(false), flag(false), flag(false)],
    split_type: [0, 0, 0, 0, 0],
    ...changes.tree,
  };
  return JSON.stringify({
    version: [3, 1, 1],
    learner: {
      feature_names: changes.names ?? ["a", "b"],
      objective: { name: changes.objective ?? "reg:squarederror" },
      learner_model_param: {
        base_score: changes.baseScore ?? "5E-1",
        num_class: "0",
        num_feature: "2",
        num_target: "1",
        ...changes.params,
      },
      gradient_booster: {
        name: changes.booster ?? "gbtree",
        model: { trees: [stump, deeper] },
      },
    },
  });
}

const NAN = Number.NaN;
const BELOW = 0.09999998658895493;
const AT = Math.fround(0.1);
const ROWS: Table = tableOf({
  a: numbers([-1, 1, 0, -0.5, NAN, -1, -1]),
  b: numbers([BELOW, AT, 0.2, -3, NAN, -2.5, NAN]),
});
/** By hand: XGBoost goes left where x < t. */
const LEAVES = [
  -0.4 - 0.3,
  0.6 + 0.25,
  0.6 + 0.25,
  -0.4 + 0.125,
  -0.4 + 0.25,
  -0.4 - 0.3,
  -0.4 + 0.125,
];

describe("XGBoost's model.json", () => {
  const fixture = createJobFixture();
  after(() => fixture.remove());

  const answersOf = async (json: string, task: "binary" | "regression") => {
    const model = readXgboost(json, FEATURES, task);
    const graph = await openOnnx(put(fixture.folder, "m.onnx", buildTreeGraph(model)), task);
    try {
      return { model, answers: await graph.run(ROWS, FEATURES) };
    } finally {
      await graph.close();
    }
  };
  const assertClose = (got: Float64Array, want: readonly number[]) => {
    got.forEach((answer, row) => {
      assert.ok(Math.abs(answer - (want[row] as number)) < 1e-6, `row ${row}: ${answer}`);
    });
  };

  it("gives the sum of the leaves and the base score", async () => {
    const { model, answers } = await answersOf(modelJson({}), "regression");
    assertClose(
      answers,
      LEAVES.map((sum) => sum + 0.5),
    );
    assert.deepEqual(answers, predict(model, ROWS));
  });

  it("reads the base score of 3.1, and flags that are true and false", async () => {
    const json = modelJson({ baseScore: "[2.5E-1]", flags: "booleans" });
    const { answers } = await answersOf(json, "regression");
    assertClose(
      answers,
      LEAVES.map((sum) => sum + 0.25),
    );
  });

  it("gives a probability, the base score being one", async () => {
    const json = modelJson({ objective: "binary:logistic", baseScore: "2E-1" });
    const { answers } = await answersOf(json, "binary");
    const logit = Math.log(0.2 / 0.8);
    assertClose(
      answers,
      LEAVES.map((sum) => 1 / (1 + Math.exp(-(sum + logit)))),
    );
  });

  it("finds its columns by name, or by place where it has no names", async () => {
    const swapped = tableOf({
      a: ROWS.columns.get("b") ?? numbers([]),
      b: ROWS.columns.get("a") ?? numbers([]),
    });
    const byName = readXgboost(modelJson({ names: ["b", "a"] }), FEATURES, "regression");
    const byPlace = readXgboost(modelJson({ names: [] }), FEATURES, "regression");
    assert.deepEqual(predict(byName, swapped), predict(byPlace, ROWS));
  });

  const REFUSED: readonly (readonly [string, Changes, RegExp])[] = [
    ["another booster", { booster: "dart" }, /expected booster gbtree, got 'dart'/],
    ["another objective", { objective: "count:poisson" }, /got 'count:poisson'/],
    ["an objective of the other task", { objective: "binary:logistic" }, /got 'binary:logistic'/],
    ["several classes", { params: { num_class: "3" } }, /num_class 3/],
    ["several targets", { params: { num_target: "2" } }, /num_target 2/],
    ["other columns", { names: ["a", "c"] }, /'c' is no feature/],
    ["another number of columns", { params: { num_feature: "3" } }, /expected 2 features, got 3/],
    ["a base score of several", { baseScore: "[5E-1,5E-1]" }, /one number as base_score/],
    ["no base score", { baseScore: "" }, /one number as base_score/],
    ["categorical splits", { tree: { split_type: [1, 0, 0, 0, 0] } }, /tree 1: categorical/],
    ["sets", { tree: { categories_nodes: [0] } }, /tree 1: categorical/],
    ["a loop", { tree: { left_children: [0, 3, -1, -1, -1] } }, /node 0 leads to 0/],
    ["torn lists", { tree: { split_indices: [0] } }, /lists of one length/],
    ["a column that is not there", { tree: { split_indices: [9, 1, 0, 0, 0] } }, /column 9 of 2/],
    ["texts for numbers", { tree: { split_conditions: "no" } }, /a list 'split_conditions'/],
  ];
  for (const [what, changes, message] of REFUSED) {
    it(`refuses ${what}`, () => {
      assert.throws(() => readXgboost(modelJson(changes), FEATURES, "regression"), message);
    });
  }

  it("refuses text features, what is no JSON, and JSON of something else", () => {
    const text: Feature[] = [
      { name: "a", kind: "text" },
      { name: "b", kind: "number" },
    ];
    assert.throws(
      () => readXgboost(modelJson({}), text, "regression"),
      /number features only.*'a'/,
    );
    assert.throws(() => readXgboost("{L\u0000", FEATURES, "regression"), /expected XGBoost's JSON/);
    assert.throws(() => readXgboost("{}", FEATURES, "regression"), /object 'learner'/);
  });
});
