import { randomStream } from "../random.ts";
import {
  floats,
  floatsAttribute,
  intAttribute,
  intsAttribute,
  modelBytes,
  textsAttribute,
} from "./onnx-graph.ts";

const TREES = 100;
const DEPTH = 6;
const FEATURES = 20;
/** Nodes of a full tree, numbered as a heap: node n has the children 2n+1 and 2n+2. */
const NODES = 2 ** (DEPTH + 1) - 1;
const FIRST_LEAF = 2 ** DEPTH - 1;

/**
 * What a gradient-boosted model looks like once compiled, as ONNX bytes: FP32 "x" [batch,20] to "y"
 * [batch,1] through 100 full trees of depth 6 with random splits (ai.onnx.ml TreeEnsembleRegressor).
 */
export function treesModel(): Uint8Array {
  return modelBytes({
    name: "trees",
    nodes: [
      {
        opType: "TreeEnsembleRegressor",
        domain: "ai.onnx.ml",
        input: ["x"],
        output: ["y"],
        attribute: [intAttribute("n_targets", 1), ...branches(), ...leafWeights()],
      },
    ],
    weights: [],
    inputs: [floats("x", ["batch", FEATURES])],
    outputs: [floats("y", ["batch", 1])],
  });
}

/** Leaves are nodes too; what they do not have is 0. */
function branches() {
  const random = randomStream(2);
  const perNode = (of: (node: number) => number) =>
    range(TREES).flatMap(() => range(NODES).map(of));
  const perBranch = (of: (node: number) => number) =>
    perNode((node) => (node < FIRST_LEAF ? of(node) : 0));
  const modes = range(NODES).map((node) => (node < FIRST_LEAF ? "BRANCH_LEQ" : "LEAF"));
  const trees = range(TREES).flatMap((tree) => range(NODES).map(() => tree));
  return [
    intsAttribute("nodes_treeids", trees),
    intsAttribute(
      "nodes_nodeids",
      perNode((node) => node),
    ),
    intsAttribute(
      "nodes_featureids",
      perBranch(() => Math.floor(random() * FEATURES)),
    ),
    floatsAttribute(
      "nodes_values",
      perBranch(() => random() * 2 - 1),
    ),
    textsAttribute(
      "nodes_modes",
      range(TREES).flatMap(() => modes),
    ),
    intsAttribute(
      "nodes_truenodeids",
      perBranch((node) => 2 * node + 1),
    ),
    intsAttribute(
      "nodes_falsenodeids",
      perBranch((node) => 2 * node + 2),
    ),
  ];
}

function leafWeights() {
  const random = randomStream(3);
  const perLeaf = (of: (tree: number, node: number) => number) =>
    range(TREES).flatMap((tree) =>
      range(NODES - FIRST_LEAF).map((leaf) => of(tree, leaf + FIRST_LEAF)),
    );
  return [
    intsAttribute(
      "target_treeids",
      perLeaf((tree) => tree),
    ),
    intsAttribute(
      "target_nodeids",
      perLeaf((_, node) => node),
    ),
    intsAttribute(
      "target_ids",
      perLeaf(() => 0),
    ),
    floatsAttribute(
      "target_weights",
      perLeaf(() => (random() * 2 - 1) / TREES),
    ),
  ];
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
