import { type FeatureBins, MIN_CATEGORY_ROWS } from "./bins.ts";
import { type HistogramLayout, STRIDE } from "./histogram.ts";

/** Sums over the rows of a leaf. */
export interface Sums {
  readonly gradient: number;
  readonly hessian: number;
  readonly rows: number;
}

export interface Split {
  readonly feature: number;
  /** Twice what the loss falls by, in the second-order approximation (XGBoost, equation 7). */
  readonly gain: number;
  /** Number feature: bins up to this one go left. */
  readonly bin: number;
  /** Text feature: bins that go left; null for a number. */
  readonly set: readonly number[] | null;
  /** Number feature: the missing go left. */
  readonly missingLeft: boolean;
  readonly left: Sums;
}

export interface SplitLimits {
  readonly l2: number;
  readonly minLeafRows: number;
}

/** A leaf must hold so much hessian: a leaf of certain rows would get a huge value. */
const MIN_LEAF_HESSIAN = 1e-3;
/** Share of a split's score that the gain must be: less is rounding. */
const MIN_GAIN_RATIO = 1e-10;

/*
 * A set of categories is chosen as LightGBM does (Ke et al. 2017; its cat_smooth, cat_l2,
 * min_data_per_group and max_cat_threshold with their defaults): categories are put in the order of
 * their smoothed mean gradient, and the best prefix from either end goes left. A best order can always
 * be found (Fisher 1958), in noise too, so sets are held back more than thresholds.
 */
const CATEGORY_SMOOTHING = 10;
const CATEGORY_L2 = 10;
const MIN_CATEGORY_GROUP_ROWS = 100;
const MAX_SET_SIZE = 32;

/** The best split of a leaf, or null where no split is allowed and worth it. The first of equals. */
export function findSplit(
  histogram: Float64Array,
  layout: HistogramLayout,
  bins: readonly FeatureBins[],
  features: Int32Array,
  total: Sums,
  limits: SplitLimits,
): Split | null {
  let best: Split | null = null;
  for (const feature of features) {
    const offset = layout.offsets[feature] as number;
    const { kind, binCount } = bins[feature] as FeatureBins;
    const part = histogram.subarray(offset, offset + binCount * STRIDE);
    const scan = new SplitScan(part, feature, total, limits);
    const found = kind === "number" ? scan.findThreshold() : scan.findSet();
    if (found !== null && found.gain > (best?.gain ?? 0)) best = found;
  }
  return best;
}

/** One feature of one leaf. What a scan finds stands in numbers of its own: it finds often. */
class SplitScan {
  readonly #bins: Float64Array;
  /** The last bin: missing or unseen. */
  readonly #lastBin: number;
  readonly #feature: number;
  readonly #total: Sums;
  readonly #limits: SplitLimits;
  /** What goes left now. */
  #gradient = 0;
  #hessian = 0;
  #rows = 0;
  #bestGain = 0;
  /** Bin, or size of the set. */
  #bestAt = 0;
  #bestGradient = 0;
  #bestHessian = 0;
  #bestRows = 0;

  constructor(bins: Float64Array, feature: number, total: Sums, limits: SplitLimits) {
    this.#bins = bins;
    this.#lastBin = bins.length / STRIDE - 1;
    this.#feature = feature;
    this.#total = total;
    this.#limits = limits;
  }

  /** Every threshold, with the missing on either side. */
  findThreshold(): Split | null {
    const missing = this.#rowsOf(this.#lastBin);
    this.#clear();
    this.#scanThresholds();
    const gainRight = this.#bestGain;
    if (missing > 0) {
      this.#clear();
      this.#add(this.#lastBin);
      this.#scanThresholds();
    }
    // Where none is missing, what comes later without a value goes with the most.
    const missingLeft =
      missing > 0 ? this.#bestGain > gainRight : this.#bestRows * 2 > this.#total.rows;
    return this.#result({ bin: this.#bestAt, set: null, missingLeft });
  }

  #scanThresholds(): void {
    const { minLeafRows, l2 } = this.#limits;
    // The bin before the last has no threshold: see NumberBins.
    for (let bin = 0; bin < this.#lastBin - 1; bin += 1) {
      if (this.#rowsOf(bin) === 0) continue;
      this.#add(bin);
      if (this.#rows < minLeafRows) continue;
      if (this.#total.rows - this.#rows < minLeafRows) return;
      this.#keepIfBetter(this.#gain(l2), bin);
    }
  }

  /** The best prefix of the order by mean gradient, from either end. */
  findSet(): Split | null {
    const order: { bin: number; mean: number }[] = [];
    for (let bin = 0; bin < this.#lastBin; bin += 1) {
      if (this.#rowsOf(bin) < MIN_CATEGORY_ROWS) continue;
      const at = bin * STRIDE;
      const hessian = (this.#bins[at + 1] as number) + CATEGORY_SMOOTHING;
      order.push({ bin, mean: (this.#bins[at] as number) / hessian });
    }
    order.sort((a, b) => a.mean - b.mean || a.bin - b.bin);
    const ascending = order.map(({ bin }) => bin);
    const descending = ascending.toReversed();
    this.#scanPrefixes(ascending);
    const gainAscending = this.#bestGain;
    this.#scanPrefixes(descending);
    const best = this.#bestGain > gainAscending ? descending : ascending;
    const set = best.slice(0, this.#bestAt).sort((a, b) => a - b);
    return this.#result({ bin: 0, set, missingLeft: false });
  }

  /** What is not in the prefix goes right: categories too rare here, and those not seen at all. */
  #scanPrefixes(order: readonly number[]): void {
    const { minLeafRows, l2 } = this.#limits;
    const most = Math.min(MAX_SET_SIZE, Math.ceil(order.length / 2));
    let groupRows = 0;
    this.#clear();
    for (let size = 1; size <= most; size += 1) {
      const bin = order[size - 1] as number;
      this.#add(bin);
      groupRows += this.#rowsOf(bin);
      const rowsRight = this.#total.rows - this.#rows;
      if (rowsRight < Math.max(minLeafRows, MIN_CATEGORY_GROUP_ROWS)) return;
      if (this.#rows < minLeafRows || groupRows < MIN_CATEGORY_GROUP_ROWS) continue;
      groupRows = 0;
      this.#keepIfBetter(this.#gain(l2 + CATEGORY_L2), size);
    }
  }

  #clear(): void {
    this.#gradient = 0;
    this.#hessian = 0;
    this.#rows = 0;
  }

  #add(bin: number): void {
    const at = bin * STRIDE;
    this.#gradient += this.#bins[at] as number;
    this.#hessian += this.#bins[at + 1] as number;
    this.#rows += this.#bins[at + 2] as number;
  }

  #rowsOf(bin: number): number {
    return this.#bins[bin * STRIDE + 2] as number;
  }

  /** 0 for a split that is not allowed. */
  #gain(l2: number): number {
    const total = this.#total;
    const hessianRight = total.hessian - this.#hessian;
    if (this.#hessian < MIN_LEAF_HESSIAN || hessianRight < MIN_LEAF_HESSIAN) return 0;
    const gradientRight = total.gradient - this.#gradient;
    const split =
      (this.#gradient * this.#gradient) / (this.#hessian + l2) +
      (gradientRight * gradientRight) / (hessianRight + l2);
    const gain = split - (total.gradient * total.gradient) / (total.hessian + this.#limits.l2);
    return gain > split * MIN_GAIN_RATIO ? gain : 0;
  }

  #keepIfBetter(gain: number, at: number): void {
    if (gain <= this.#bestGain) return;
    this.#bestGain = gain;
    this.#bestAt = at;
    this.#bestGradient = this.#gradient;
    this.#bestHessian = this.#hessian;
    this.#bestRows = this.#rows;
  }

  #result(question: Pick<Split, "bin" | "set" | "missingLeft">): Split | null {
    if (this.#bestGain === 0) return null;
    const left = {
      gradient: this.#bestGradient,
      hessian: this.#bestHessian,
      rows: this.#bestRows,
    };
    return { feature: this.#feature, gain: this.#bestGain, ...question, left };
  }
}
