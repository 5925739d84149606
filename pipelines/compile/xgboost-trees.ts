import { JobError } from "../jobs/job-error.ts";
import type { ModelConfig } from "../project/project.ts";
import type { Feature } from "../train/train-spec.ts";
import { LEAF, type Tree, type TreesModel } from "../train/trees-model.ts";
import { countOf, type JsonObject, numbersOf, objectOf, textOf } from "./xgboost-json.ts";

/** Objectives whose answer is the sum of the leaves and the base score, as log-odds or as it is. */
const OBJECTIVES: Readonly<Record<ModelConfig["task"], readonly string[]>> = {
  binary: ["binary:logistic", "reg:logistic"],
  regression: [
    "reg:squarederror",
    "reg:linear",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:quantileerror",
  ],
};

/**
 * XGBoost's model.json (formats 1.7 to 3.x) as trees of ours: the same questions, leaves and base
 * value. Numeric splits only. All trees count, those after the best iteration too, as in XGBoost's
 * own `Booster.predict`.
 * @throws JobError naming the member that is not understood
 */
export function readXgboost(
  text: string,
  features: readonly Feature[],
  task: ModelConfig["task"],
): TreesModel {
  const learner = objectOf(parse(text), "learner", "model.json");
  const booster = objectOf(learner, "gradient_booster", "learner");
  const params = objectOf(learner, "learner_model_param", "learner");
  assertSupported(learner, booster, params, task);
  const order = featureOrder(learner, params, features);
  const model = objectOf(booster, "model", "gradient_booster");
  const trees = model["trees"];
  if (!Array.isArray(trees)) throw new JobError("model.json: expected trees in gbtree's model");
  return {
    schemaVersion: 1,
    task,
    features: features.map(({ name }) => ({ name, kind: "number" })),
    baseValue: baseValue(textOf(params, "base_score", "learner_model_param"), task),
    trees: trees.map((tree, i) => toTree(tree, i, order)),
  };
}

function parse(text: string): JsonObject {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === "object" && json !== null && !Array.isArray(json)) {
      return json as JsonObject;
    }
  } catch {
    // Said below, without the text.
  }
  throw new JobError("model.json: expected XGBoost's JSON (save_model to a name with .json)");
}

function assertSupported(
  learner: JsonObject,
  booster: JsonObject,
  params: JsonObject,
  task: ModelConfig["task"],
): void {
  const kind = textOf(booster, "name", "gradient_booster");
  if (kind !== "gbtree") throw new JobError(`model.json: expected booster gbtree, got '${kind}'`);
  const objective = textOf(objectOf(learner, "objective", "learner"), "name", "objective");
  const allowed = OBJECTIVES[task];
  if (!allowed.includes(objective)) {
    throw new JobError(
      `model.json: expected an objective for ${task} (${allowed.join(", ")}), got '${objective}'`,
    );
  }
  for (const name of ["num_class", "num_target"]) {
    const count = countOf(params, name, "learner_model_param");
    if (count > 1)
      throw new JobError(`model.json: expected one answer a row, got ${name} ${count}`);
  }
}

/** Place of each of XGBoost's columns among the features. */
function featureOrder(
  learner: JsonObject,
  params: JsonObject,
  features: readonly Feature[],
): readonly number[] {
  const texts = features.filter(({ kind }) => kind === "text").map(({ name }) => `'${name}'`);
  if (texts.length > 0) {
    throw new JobError(
      `model.json: XGBoost models are read with number features only, got text: ${texts.join(", ")}; give model.onnx, or encode them before`,
    );
  }
  const count = countOf(params, "num_feature", "learner_model_param");
  if (count !== features.length) {
    throw new JobError(`model.json: expected ${features.length} features, got ${count}`);
  }
  const names = learner["feature_names"];
  if (!Array.isArray(names) || names.length === 0) return features.map((_, i) => i);
  return names.map((name) => {
    const place = features.findIndex((feature) => feature.name === name);
    if (place < 0) throw new JobError(`model.json: '${String(name)}' is no feature of the model`);
    return place;
  });
}

/** "5E-1", or since 3.1 "[5E-1]"; for a probability its log-odds. */
function baseValue(text: string, task: ModelConfig["task"]): number {
  const parts = text.replace(/^\[|\]$/g, "").split(",");
  const base = Math.fround(Number(parts[0]));
  if (parts.length !== 1 || parts[0]?.trim() === "" || !Number.isFinite(base)) {
    throw new JobError(`model.json: expected one number as base_score, got '${text}'`);
  }
  if (task === "regression") return base;
  if (base <= 0 || base >= 1) {
    throw new JobError(`model.json: expected a base_score between 0 and 1, got ${base}`);
  }
  return -Math.log(1 / base - 1);
}

function toTree(json: unknown, index: number, order: readonly number[]): Tree {
  const where = `tree ${index}`;
  const tree = json as JsonObject;
  const left = numbersOf(tree, "left_children", where);
  const right = numbersOf(tree, "right_children", where);
  const asked = numbersOf(tree, "split_indices", where);
  const conditions = numbersOf(tree, "split_conditions", where);
  const defaultLeft = numbersOf(tree, "default_left", where);
  assertNumeric(tree, where);
  const nodes = left.length;
  for (const list of [right, asked, conditions, defaultLeft]) {
    if (list.length !== nodes || nodes === 0) {
      throw new JobError(`model.json: ${where}: expected lists of one length, above 0`);
    }
  }
  const isLeaf = left.map((child) => child === -1);
  left.forEach((child, node) => {
    for (const next of isLeaf[node] ? [] : [child, right[node] as number]) {
      if (next <= node || next >= nodes) {
        throw new JobError(
          `model.json: ${where}: node ${node} leads to ${next}, of ${nodes} nodes`,
        );
      }
    }
  });
  return {
    feature: asked.map((column, node) => (isLeaf[node] ? LEAF : placeOf(column, order, where))),
    threshold: conditions.map((t, node) => (isLeaf[node] ? 0 : floatBelow(t))),
    set: left.map(() => null),
    left: left.map((child, node) => (isLeaf[node] ? 0 : child)),
    right: right.map((child, node) => (isLeaf[node] ? 0 : child)),
    missingLeft: defaultLeft.map((flag, node) => !isLeaf[node] && flag === 1),
    value: conditions.map((t, node) => (isLeaf[node] ? Math.fround(t) : 0)),
  };
}

function assertNumeric(tree: JsonObject, where: string): void {
  if (countOf(objectOf(tree, "tree_param", where), "size_leaf_vector", where) > 1)
    throw new JobError(`model.json: ${where}: expected one answer a leaf`);
  const types = tree["split_type"];
  const sets = tree["categories_nodes"];
  const isCategorical = Array.isArray(types) && types.some((type) => type !== 0);
  if (isCategorical || (Array.isArray(sets) && sets.length > 0)) {
    throw new JobError(`model.json: ${where}: categorical splits are not read; give model.onnx`);
  }
}

function placeOf(column: number, order: readonly number[], where: string): number {
  const place = order[column];
  if (place === undefined) {
    throw new JobError(`model.json: ${where} asks about column ${column} of ${order.length}`);
  }
  return place;
}

/** XGBoost goes left where x < t in float32, which is x <= the float32 before t. */
function floatBelow(t: number): number {
  const floats = new Float32Array([t]);
  const bits = new Int32Array(floats.buffer);
  const value = floats[0] as number;
  if (value === 0) return -(2 ** -149);
  bits[0] = (bits[0] as number) + (value > 0 ? -1 : 1);
  return floats[0] as number;
}
