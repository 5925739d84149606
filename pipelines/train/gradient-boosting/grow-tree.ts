import type { BinnedTable, FeatureBins } from "./bins.ts";
import { findSplit, type Split, type SplitLimits, type Sums } from "./find-split.ts";
import {
  type Gradients,
  HistogramBuilder,
  type HistogramLayout,
  layoutOf,
  subtract,
} from "./histogram.ts";

/** A node over bins; `split` null for a leaf. Children stand behind their parent. */
export interface GrownNode {
  split: Split | null;
  left: number;
  right: number;
  /** Newton step of the leaf times the learning rate; 0 for a node that was split. */
  value: number;
}

/** Node 0 is the root. At most 2047 nodes: there are at most 1024 leaves. */
export type GrownTree = readonly GrownNode[];

export interface GrowthLimits extends SplitLimits {
  readonly maxLeaves: number;
  readonly learningRate: number;
}

interface OpenLeaf {
  readonly node: number;
  /** Its rows are #rows[start … end), ascending. */
  readonly start: number;
  readonly end: number;
  readonly sums: Sums;
  histogram: Float64Array | null;
  readonly split: Split | null;
}

/**
 * Grows trees over one binned table, always at the leaf whose split gains most, until there are
 * `maxLeaves` (Shi 2007; LightGBM). Histograms of the larger child are the parent's less the smaller's.
 */
export class TreeGrower {
  readonly #table: BinnedTable;
  readonly #bins: readonly FeatureBins[];
  readonly #limits: GrowthLimits;
  readonly #layout: HistogramLayout;
  readonly #builder: HistogramBuilder;
  readonly #free: Float64Array[] = [];
  readonly #scratch: Int32Array;
  #rows = new Int32Array(0);
  #leaves: readonly OpenLeaf[] = [];

  constructor(table: BinnedTable, bins: readonly FeatureBins[], limits: GrowthLimits) {
    this.#table = table;
    this.#bins = bins;
    this.#limits = limits;
    this.#layout = layoutOf(bins.map(({ binCount }) => binCount));
    this.#builder = new HistogramBuilder(table, this.#layout);
    this.#scratch = new Int32Array(table.rows);
  }

  /**
   * @param rows ascending; taken over
   * @param features that the tree may ask about
   */
  grow(gradients: Gradients, rows: Int32Array<ArrayBuffer>, features: Int32Array): GrownTree {
    this.#rows = rows;
    const nodes: GrownNode[] = [];
    const histogram = this.#borrow();
    this.#builder.build(histogram, rows, features, gradients);
    const sums = sumOf(rows, gradients);
    const open = [this.#open(nodes, 0, rows.length, sums, histogram, features)];
    while (open.length < this.#limits.maxLeaves) {
      const best = takeBest(open);
      if (best === null) break;
      open.push(...this.#split(nodes, best, gradients, features));
    }
    for (const leaf of open) this.#giveBack(leaf);
    this.#leaves = open;
    return nodes;
  }

  /** Adds the last tree's values to the scores of the rows that it learned from. */
  addLast(scores: Float64Array, tree: GrownTree): void {
    const rows = this.#rows;
    for (const { node, start, end } of this.#leaves) {
      const { value } = tree[node] as GrownNode;
      for (let i = start; i < end; i += 1) {
        const row = rows[i] as number;
        scores[row] = (scores[row] as number) + value;
      }
    }
  }

  #open(
    nodes: GrownNode[],
    start: number,
    end: number,
    sums: Sums,
    histogram: Float64Array,
    features: Int32Array,
  ): OpenLeaf {
    const { l2, learningRate } = this.#limits;
    const value = (-sums.gradient / (sums.hessian + l2)) * learningRate;
    const node = nodes.push({ split: null, left: 0, right: 0, value }) - 1;
    const split = findSplit(histogram, this.#layout, this.#bins, features, sums, this.#limits);
    const leaf: OpenLeaf = { node, start, end, sums, histogram, split };
    if (split === null) this.#giveBack(leaf);
    return leaf;
  }

  #split(
    nodes: GrownNode[],
    leaf: OpenLeaf & { split: Split },
    gradients: Gradients,
    features: Int32Array,
  ): OpenLeaf[] {
    const { start, end, sums, split } = leaf;
    const whole = leaf.histogram as Float64Array;
    const middle = this.#partition(start, end, split);
    const right: Sums = {
      gradient: sums.gradient - split.left.gradient,
      hessian: sums.hessian - split.left.hessian,
      rows: sums.rows - split.left.rows,
    };
    const isLeftSmaller = middle - start <= end - middle;
    const part = this.#borrow();
    const smaller = isLeftSmaller
      ? this.#rows.subarray(start, middle)
      : this.#rows.subarray(middle, end);
    this.#builder.build(part, smaller, features, gradients);
    subtract(whole, part);
    const [ofLeft, ofRight] = isLeftSmaller ? [part, whole] : [whole, part];
    const children = [
      this.#open(nodes, start, middle, split.left, ofLeft, features),
      this.#open(nodes, middle, end, right, ofRight, features),
    ];
    const [left, second] = children as [OpenLeaf, OpenLeaf];
    nodes[leaf.node] = { split, left: left.node, right: second.node, value: 0 };
    return children;
  }

  /** Stable: rows stay ascending, so that bins are read in order. Returns where the right rows begin. */
  #partition(start: number, end: number, split: Split): number {
    const rows = this.#rows;
    const scratch = this.#scratch;
    const bins = this.#table.columns[split.feature] as Uint8Array;
    const goesLeft = sidesOf(split, (this.#bins[split.feature] as FeatureBins).binCount);
    let left = start;
    let right = 0;
    for (let i = start; i < end; i += 1) {
      const row = rows[i] as number;
      if (goesLeft[bins[row] as number] === 1) {
        rows[left] = row;
        left += 1;
      } else {
        scratch[right] = row;
        right += 1;
      }
    }
    rows.set(scratch.subarray(0, right), left);
    return left;
  }

  #borrow(): Float64Array {
    return this.#free.pop() ?? new Float64Array(this.#layout.length);
  }

  #giveBack(leaf: OpenLeaf): void {
    if (leaf.histogram !== null) this.#free.push(leaf.histogram);
    leaf.histogram = null;
  }
}

/** For each bin of the split's feature, 1 where it goes left. */
export function sidesOf(split: Split, binCount: number): Uint8Array {
  const sides = new Uint8Array(binCount);
  if (split.set !== null) {
    for (const bin of split.set) sides[bin] = 1;
  } else {
    sides.fill(1, 0, split.bin + 1);
    sides[binCount - 1] = split.missingLeft ? 1 : 0;
  }
  return sides;
}

/** Takes the leaf with the best split out of the list; the first of equals. */
function takeBest(open: OpenLeaf[]): (OpenLeaf & { split: Split }) | null {
  let at = -1;
  let gain = 0;
  open.forEach(({ split }, index) => {
    if (split === null || split.gain <= gain) return;
    at = index;
    gain = split.gain;
  });
  if (at < 0) return null;
  const [leaf] = open.splice(at, 1);
  return leaf as OpenLeaf & { split: Split };
}

function sumOf(rows: Int32Array, { gradient, hessian }: Gradients): Sums {
  let sumGradient = 0;
  let sumHessian = 0;
  for (const row of rows) {
    sumGradient += gradient[row] as number;
    sumHessian += hessian === null ? 1 : (hessian[row] as number);
  }
  return { gradient: sumGradient, hessian: sumHessian, rows: rows.length };
}
