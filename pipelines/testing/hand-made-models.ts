import { LEAF, type Tree, type TreeFeature, type TreesModel } from "../train/trees-model.ts";

const text = (name: string, categories: string[]): TreeFeature => ({
  name,
  kind: "text",
  categories,
});

/** Those of the model of orders (see orders.ts), in its order. */
const FEATURES: TreeFeature[] = [
  text("country", ["AT", "CH", "DE", "FR", "NL", "PL"]),
  text("channel", ["app", "marketplace", "web"]),
  { name: "weight_kg", kind: "number" },
  { name: "items", kind: "number" },
];
const WEIGHT = 2;

/** Answers by dice: 40 ranges of the weight, each with a score of no meaning. */
export function noiseTrees(): TreesModel {
  const score = (question: number) => ((question * 7919) % 17) / 8 - 1;
  return chainModel(40, (question) => Math.fround(1 + question / 4), score);
}

/** Sound, and so deep that whoever walks it by recursion runs out of stack: ONNX Runtime does. */
export function deepTrees(): TreesModel {
  return chainModel(
    400_000,
    (question) => Math.fround(question),
    () => 1,
  );
}

/** One tree that asks about the weight again and again: at most this? Else on to the next question. */
function chainModel(
  questions: number,
  threshold: (question: number) => number,
  score: (question: number) => number,
): TreesModel {
  const nodes = 2 * questions + 1;
  const list = <T>(of: (node: number) => T) => Array.from({ length: nodes }, (_, node) => of(node));
  const isQuestion = (node: number) => node % 2 === 0 && node < nodes - 1;
  const tree: Tree = {
    feature: list((node) => (isQuestion(node) ? WEIGHT : LEAF)),
    threshold: list((node) => (isQuestion(node) ? threshold(node / 2) : 0)),
    set: list(() => null),
    left: list((node) => (isQuestion(node) ? node + 1 : 0)),
    right: list((node) => (isQuestion(node) ? node + 2 : 0)),
    missingLeft: list(() => false),
    value: list((node) => (isQuestion(node) ? 0 : score(Math.floor(node / 2)))),
  };
  return { schemaVersion: 1, task: "binary", features: FEATURES, baseValue: 0, trees: [tree] };
}

/** The same answers from other bytes, as another tool would have written them: a tree that adds nothing. */
export function retold(model: TreesModel): TreesModel {
  const nothing: Tree = {
    feature: [LEAF],
    threshold: [0],
    set: [null],
    left: [0],
    right: [0],
    missingLeft: [false],
    value: [0],
  };
  return { ...model, trees: [...model.trees, nothing] };
}
