import type { Column, Table } from "../../datasets/column.ts";
import type { Feature } from "../../train/train-spec.ts";
import { LEAF, type Tree, type TreeFeature, type TreesModel } from "../../train/trees-model.ts";

/** Leaves and base value are multiples of it: every sum is exact, as the format promises. */
const QUANTUM = 2 ** -30;

export interface RandomTreesOptions {
  readonly task: TreesModel["task"];
  readonly seed: number;
  readonly trees: number;
  readonly maxLeaves: number;
  /** Categories of each text feature; null: a number feature. */
  readonly features: readonly (readonly string[] | null)[];
}

/** Numbers in [0,1) that depend on the seed alone (mulberry32). */
export function randomStream(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Trees of no meaning, of the trainer's format. */
export function randomTrees(options: RandomTreesOptions): TreesModel {
  const random = randomStream(options.seed);
  const features: TreeFeature[] = options.features.map((categories, i) =>
    categories === null
      ? { name: `n${i}`, kind: "number" }
      : { name: `t${i}`, kind: "text", categories: [...categories] },
  );
  return {
    schemaVersion: 1,
    task: options.task,
    features,
    baseValue: quantized(random() * 2 - 1),
    trees: Array.from({ length: options.trees }, () =>
      randomTree(features, random, options.maxLeaves),
    ),
  };
}

function quantized(x: number): number {
  return Math.round(x / QUANTUM) * QUANTUM;
}

function randomTree(
  features: readonly TreeFeature[],
  random: () => number,
  maxLeaves: number,
): Tree {
  const tree: Tree = {
    feature: [],
    threshold: [],
    set: [],
    left: [],
    right: [],
    missingLeft: [],
    value: [],
  };
  const grow = (leaves: number): number => {
    const at = tree.feature.length;
    const usable = features.flatMap((f, i) =>
      f.kind === "text" && f.categories.length === 0 ? [] : [i],
    );
    const index = usable[Math.floor(random() * usable.length)];
    const isLeaf = leaves <= 1 || index === undefined;
    const asked = isLeaf ? undefined : features[index];
    tree.feature.push(isLeaf ? LEAF : index);
    tree.threshold.push(asked?.kind === "number" ? Math.fround(random() * 4 - 2) : 0);
    tree.set.push(asked?.kind === "text" ? randomSet(asked.categories.length, random) : null);
    tree.missingLeft.push(asked?.kind === "number" && random() < 0.5);
    tree.value.push(isLeaf ? quantized(random() - 0.5) : 0);
    tree.left.push(0);
    tree.right.push(0);
    if (isLeaf) return at;
    const toLeft = 1 + Math.floor(random() * (leaves - 1));
    tree.left[at] = grow(toLeft);
    tree.right[at] = grow(leaves - toLeft);
    return at;
  };
  grow(1 + Math.floor(random() * maxLeaves));
  return tree;
}

function randomSet(categories: number, random: () => number): number[] {
  const codes = Array.from({ length: categories }, (_, code) => code);
  const chosen = codes.filter(() => random() < 0.5);
  return chosen.length === 0 ? [Math.floor(random() * categories)] : chosen;
}

export function featuresOf(model: TreesModel): Feature[] {
  return model.features.map(({ name, kind }) => ({ name, kind }));
}

/** Rows with missing values, infinities, numbers on thresholds, and texts that no training saw. */
export function randomRows(model: TreesModel, rows: number, seed: number): Table {
  const random = randomStream(seed);
  const thresholds = model.trees.flatMap((tree) => tree.threshold);
  const number = (): number => {
    const dice = random();
    if (dice < 0.1) return Number.NaN;
    if (dice < 0.13) return Number.POSITIVE_INFINITY;
    if (dice < 0.16) return Number.NEGATIVE_INFINITY;
    if (dice < 0.3) return thresholds[Math.floor(random() * thresholds.length)] ?? 0;
    return random() * 6 - 3;
  };
  const text = (categories: readonly string[]): string | null => {
    const dice = random();
    if (dice < 0.1) return null;
    if (dice < 0.2) return "";
    if (dice < 0.3) return `unseen ${Math.floor(random() * 5)}`;
    return categories[Math.floor(random() * categories.length)] ?? "never";
  };
  const columns = new Map<string, Column>();
  for (const feature of model.features) {
    if (feature.kind === "number") {
      columns.set(feature.name, {
        kind: "number",
        values: Float64Array.from({ length: rows }, number),
      });
    } else {
      const values = Array.from({ length: rows }, () => text(feature.categories));
      columns.set(feature.name, { kind: "text", values });
    }
  }
  return { rows, columns };
}
