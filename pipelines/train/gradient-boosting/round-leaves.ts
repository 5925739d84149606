import { LEAF, type TreesModel } from "../trees-model.ts";

/** Bits that a double's sum can use without rounding, less some to spare. */
const EXACT_BITS = 50;

/**
 * Rounds leaf values and base value to multiples of the power of two by which every partial sum of
 * them is exact in double: engines that add in another order, or by several threads, get the same bits.
 * What a score moves by is below 2^-49 of the largest possible score for each tree.
 */
export function roundLeaves(model: TreesModel): TreesModel {
  let bound = Math.abs(model.baseValue);
  for (const { value } of model.trees) bound += value.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  if (bound === 0) return model;
  const unit = 2 ** (Math.ceil(Math.log2(bound)) - EXACT_BITS);
  const round = (value: number) => Math.round(value / unit) * unit;
  return {
    ...model,
    baseValue: round(model.baseValue),
    trees: model.trees.map((tree) => ({
      ...tree,
      value: tree.value.map((value, node) => (tree.feature[node] === LEAF ? round(value) : 0)),
    })),
  };
}
