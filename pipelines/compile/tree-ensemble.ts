import { LEAF, type Tree } from "../train/trees-model.ts";
import {
  bytes,
  doubles,
  type GraphAttribute,
  intAttribute,
  intsAttribute,
  tensorAttribute,
} from "./onnx-parts.ts";

const BRANCH_LEQ = 0;
const BRANCH_MEMBER = 6;
const AGGREGATE_SUM = 1;

/** The attributes of the operator as lists, one entry a node that is no leaf. */
interface Branches {
  readonly modes: number[];
  readonly features: number[];
  readonly splits: number[];
  readonly missingGoesTrue: number[];
  readonly trueNodes: number[];
  readonly trueIsLeaf: number[];
  readonly falseNodes: number[];
  readonly falseIsLeaf: number[];
  /** Of all sets, in the order of their nodes, NaN after each. */
  readonly members: number[];
  readonly leaves: number[];
  readonly roots: number[];
}

/**
 * Attributes of TreeEnsemble (ai.onnx.ml 5) that give the sum of the leaves, in double. No trees at
 * all make one tree of one leaf of 0, since the operator wants a root.
 */
export function treeEnsembleAttributes(trees: readonly Tree[]): GraphAttribute[] {
  const all: Branches = {
    modes: [],
    features: [],
    splits: [],
    missingGoesTrue: [],
    trueNodes: [],
    trueIsLeaf: [],
    falseNodes: [],
    falseIsLeaf: [],
    members: [],
    leaves: [],
    roots: [],
  };
  for (const tree of trees) addTree(all, tree);
  if (trees.length === 0) addSingleLeaf(all, 0);
  const sets = all.members.length === 0 ? [] : [doubles("membership_values", all.members)];
  return [
    intAttribute("aggregate_function", AGGREGATE_SUM),
    intAttribute("n_targets", 1),
    intsAttribute("tree_roots", all.roots),
    tensorAttribute("nodes_modes", bytes("nodes_modes", all.modes)),
    intsAttribute("nodes_featureids", all.features),
    tensorAttribute("nodes_splits", doubles("nodes_splits", all.splits)),
    intsAttribute("nodes_missing_value_tracks_true", all.missingGoesTrue),
    intsAttribute("nodes_truenodeids", all.trueNodes),
    intsAttribute("nodes_trueleafs", all.trueIsLeaf),
    intsAttribute("nodes_falsenodeids", all.falseNodes),
    intsAttribute("nodes_falseleafs", all.falseIsLeaf),
    ...sets.map((tensor) => tensorAttribute("membership_values", tensor)),
    tensorAttribute("leaf_weights", doubles("leaf_weights", all.leaves)),
    intsAttribute(
      "leaf_targetids",
      all.leaves.map(() => 0),
    ),
  ];
}

function addTree(all: Branches, tree: Tree): void {
  if (tree.feature[0] === LEAF) {
    addSingleLeaf(all, tree.value[0] as number);
    return;
  }
  const places = placeNodes(all, tree);
  all.roots.push(all.modes.length);
  tree.feature.forEach((feature, i) => {
    if (feature === LEAF) {
      all.leaves.push(tree.value[i] as number);
      return;
    }
    addQuestion(all, feature, tree, i);
    const [left, right] = [tree.left[i] as number, tree.right[i] as number];
    all.trueNodes.push(places[left] as number);
    all.trueIsLeaf.push(tree.feature[left] === LEAF ? 1 : 0);
    all.falseNodes.push(places[right] as number);
    all.falseIsLeaf.push(tree.feature[right] === LEAF ? 1 : 0);
  });
}

/** Where each node will stand: leaves are counted apart from the others. */
function placeNodes(all: Branches, tree: Tree): number[] {
  let leaf = all.leaves.length;
  let branch = all.modes.length;
  return tree.feature.map((feature) => {
    if (feature !== LEAF) return branch++;
    return leaf++;
  });
}

function addQuestion(all: Branches, feature: number, tree: Tree, i: number): void {
  const set = tree.set[i] ?? null;
  all.features.push(feature);
  all.modes.push(set === null ? BRANCH_LEQ : BRANCH_MEMBER);
  all.splits.push(tree.threshold[i] as number);
  all.missingGoesTrue.push(tree.missingLeft[i] === true ? 1 : 0);
  if (set !== null) all.members.push(...set, Number.NaN);
}

/** A question whose two answers are the same leaf: the operator has no root that is a leaf. */
function addSingleLeaf(all: Branches, value: number): void {
  all.roots.push(all.modes.length);
  all.modes.push(BRANCH_LEQ);
  all.features.push(0);
  all.splits.push(0);
  all.missingGoesTrue.push(0);
  for (const list of [all.trueNodes, all.falseNodes]) list.push(all.leaves.length);
  for (const list of [all.trueIsLeaf, all.falseIsLeaf]) list.push(1);
  all.leaves.push(value);
}
