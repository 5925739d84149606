import type { Column, Table } from "../datasets/column.ts";
import { LEAF, type Tree, type TreeFeature, type TreesModel } from "./trees-model.ts";

/** Where a text that is not in the list of categories stands in a bitmap of codes. */
const UNSEEN = -1;

/**
 * The model's answer for each row: probability of the positive class, or the value. See TreesModel for
 * the rule. Throws an Error for a column that is not there or of another kind.
 */
export function predict(model: TreesModel, table: Table): Float64Array {
  const columns = model.features.map((feature) => encode(feature, table));
  const scores = new Float64Array(table.rows);
  for (const tree of model.trees) addTree(scores, tree, columns);
  return scores.map((sum) => {
    const score = sum + model.baseValue;
    return model.task === "binary" ? 1 / (1 + Math.exp(-score)) : score;
  });
}

/** Rows with a text that the model does not know. */
export function hasUnseen(model: TreesModel, table: Table): Uint8Array {
  const found = new Uint8Array(table.rows);
  for (const feature of model.features) {
    if (feature.kind === "number") continue;
    encode(feature, table).forEach((code, row) => {
      if (code === UNSEEN) found[row] = 1;
    });
  }
  return found;
}

/** Numbers as float32, texts as codes. */
function encode(feature: TreeFeature, table: Table): Float32Array {
  const column: Column | undefined = table.columns.get(feature.name);
  if (column?.kind === "number" && feature.kind === "number") {
    return Float32Array.from(column.values);
  }
  if (column?.kind === "text" && feature.kind === "text") {
    const codes = new Map(feature.categories.map((text, code) => [text, code]));
    return Float32Array.from(column.values, (text) => codes.get(text ?? "") ?? UNSEEN);
  }
  const found = column === undefined ? "none" : `a ${column.kind} column`;
  throw new Error(`expected a ${feature.kind} column '${feature.name}', found ${found}`);
}

function addTree(scores: Float64Array, tree: Tree, columns: readonly Float32Array[]): void {
  const { feature, threshold, left, right, missingLeft, value } = tree;
  const sets = tree.set.map((codes) => (codes === null ? null : new Set(codes)));
  for (let row = 0; row < scores.length; row += 1) {
    let node = 0;
    while (feature[node] !== LEAF) {
      const x = (columns[feature[node] as number] as Float32Array)[row] as number;
      const set = sets[node] ?? null;
      let goesLeft: boolean;
      if (set !== null) goesLeft = set.has(x);
      else
        goesLeft = Number.isNaN(x) ? missingLeft[node] === true : x <= (threshold[node] as number);
      node = (goesLeft ? left[node] : right[node]) as number;
    }
    scores[row] = (scores[row] as number) + (value[node] as number);
  }
}
