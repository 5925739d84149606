import type { Static } from "@sinclair/typebox";
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

/** `model/trees.json` under a training job's folder. */
export const TREES_FILE = "trees.json";

/** `feature` of a leaf. */
export const LEAF = -1;

const strict = { additionalProperties: false } as const;
const Index = Type.Integer({ minimum: 0 });

const TreeFeatureSchema = Type.Union([
  Type.Object({ name: Type.String(), kind: Type.Literal("number") }, strict),
  Type.Object(
    {
      name: Type.String(),
      kind: Type.Literal("text"),
      /** A text's code is its place here. No text twice. "" is a missing text, if one was known in training. */
      categories: Type.Array(Type.String()),
    },
    strict,
  ),
]);

const TreeSchema = Type.Object(
  {
    /** Index of the feature that the node asks about; -1 (LEAF) for a leaf. */
    feature: Type.Array(Type.Integer({ minimum: LEAF })),
    /** Number features: exactly a float32, finite. 0 elsewhere. */
    threshold: Type.Array(Type.Number()),
    /** Text features: codes that go left, ascending. null elsewhere. */
    set: Type.Array(Type.Union([Type.Array(Index, { minItems: 1 }), Type.Null()])),
    /** Node numbers, higher than the node's own. 0 for a leaf. */
    left: Type.Array(Index),
    right: Type.Array(Index),
    /** Number features: a missing number goes left. false elsewhere. */
    missingLeft: Type.Array(Type.Boolean()),
    /** A leaf's share of the score. 0 elsewhere. */
    value: Type.Array(Type.Number()),
  },
  strict,
);

const TreesModelSchema = Type.Object(
  {
    schemaVersion: Type.Literal(1),
    task: Type.Union([Type.Literal("binary"), Type.Literal("regression")]),
    features: Type.Array(TreeFeatureSchema, { minItems: 1 }),
    /** Log-odds of the positive class, or the value, before any tree. */
    baseValue: Type.Number(),
    trees: Type.Array(TreeSchema),
  },
  strict,
);

export type TreeFeature = Static<typeof TreeFeatureSchema>;
/** Parallel arrays, one entry a node; node 0 is the root. A tree of one leaf has one entry. */
export type Tree = Static<typeof TreeSchema>;

/**
 * Gradient-boosted trees. A row is scored like this, all in double:
 *
 * 1. A number becomes `x = Math.fround(number)`, the nearest float32, infinities included; NaN is
 *    missing. A text becomes its place in `categories`; a missing text is read as "". A text that is
 *    not in `categories` ("" too, where it is not there) is unseen and has the code -1.
 * 2. In each tree, from node 0 to a leaf (`feature` -1):
 *    - number feature: left if `x <= threshold`, else right; missing goes left if `missingLeft`,
 *      else right. (ONNX: BRANCH_LEQ, true is left, `nodes_missing_value_tracks_true` = missingLeft.)
 *    - text feature: left if the code is in `set`, else right: unseen always goes right.
 *      (ONNX: BRANCH_MEMBER, true is left; -1 is in no set.)
 * 3. `score = (0 + leaf of tree 0 + leaf of tree 1 + …) + baseValue`. Leaf values and baseValue are
 *    multiples of one power of two, and so coarse that every partial sum is exact: the order of the
 *    additions does not matter, and an engine that adds in double by several threads gets the same
 *    bits.
 * 4. Regression: the prediction is `score`. Binary: `1 / (1 + Math.exp(-score))`, the probability of
 *    the positive class.
 */
export type TreesModel = Static<typeof TreesModelSchema>;

/** Throws an Error that says what is wrong with the document. */
export function parseTreesModel(text: string): TreesModel {
  const model: unknown = JSON.parse(text);
  if (!Value.Check(TreesModelSchema, model)) {
    const first = Value.Errors(TreesModelSchema, model).First();
    throw new Error(`trees.json: ${first?.path || "/"}: ${first?.message ?? "not understood"}`);
  }
  model.trees.forEach((tree, index) => {
    assertTree(tree, model.features, index);
  });
  return model;
}

export function serializeTreesModel(model: TreesModel): string {
  return `${JSON.stringify(model)}\n`;
}

function assertTree(tree: Tree, features: readonly TreeFeature[], index: number): void {
  const nodes = tree.feature.length;
  const lists = [tree.threshold, tree.set, tree.left, tree.right, tree.missingLeft, tree.value];
  if (nodes === 0 || lists.some((list) => list.length !== nodes)) {
    throw new Error(`trees.json: tree ${index}: expected lists of one length, of one node or more`);
  }
  for (let node = 0; node < nodes; node += 1) {
    const problem = problemOf(tree, node, features);
    if (problem !== null) throw new Error(`trees.json: tree ${index}, node ${node}: ${problem}`);
  }
}

function problemOf(tree: Tree, node: number, features: readonly TreeFeature[]): string | null {
  const asked = tree.feature[node] as number;
  if (asked === LEAF) return null;
  for (const child of [tree.left[node] as number, tree.right[node] as number]) {
    if (child <= node || child >= tree.feature.length) return `leads to node ${child}`;
  }
  const feature = features[asked];
  if (feature === undefined) return `asks about feature ${asked} of ${features.length}`;
  const fits = isQuestion(feature, tree.threshold[node] as number, tree.set[node] ?? null);
  return fits ? null : `does not fit its ${feature.kind} feature`;
}

function isQuestion(feature: TreeFeature, threshold: number, set: readonly number[] | null) {
  if (feature.kind === "number") return set === null && Math.fround(threshold) === threshold;
  return set?.every((code) => code < feature.categories.length) ?? false;
}
