import type { BinnedTable, FeatureBins } from "./bins.ts";
import { type GrownTree, sidesOf } from "./grow-tree.ts";

const BIN_VALUES = 256;

/** Adds to each row's score the value of its leaf, whether the tree learned from the row or not. */
export function addTree(
  scores: Float64Array,
  tree: GrownTree,
  table: BinnedTable,
  bins: readonly FeatureBins[],
): void {
  // All flat: an array of arrays costs a look-up of its own at every node of every row.
  const next = new Uint16Array(tree.length * BIN_VALUES);
  const column = new Int32Array(tree.length);
  tree.forEach(({ split, left, right }, node) => {
    if (split === null) return;
    column[node] = split.feature * table.rows;
    sidesOf(split, (bins[split.feature] as FeatureBins).binCount).forEach((goesLeft, bin) => {
      next[node * BIN_VALUES + bin] = goesLeft === 1 ? left : right;
    });
  });
  const value = Float64Array.from(tree, (node) => node.value);
  const isLeaf = Uint8Array.from(tree, ({ split }) => (split === null ? 1 : 0));
  const { bytes } = table;
  for (let row = 0; row < scores.length; row += 1) {
    let node = 0;
    while (isLeaf[node] === 0) {
      const bin = bytes[(column[node] as number) + row] as number;
      node = next[node * BIN_VALUES + bin] as number;
    }
    scores[row] = (scores[row] as number) + (value[node] as number);
  }
}
