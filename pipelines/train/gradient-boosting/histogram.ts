import type { BinnedTable } from "./bins.ts";

/** Of one bin: sum of gradients, sum of hessians, rows. */
export const STRIDE = 3;

/** Where the bins of each feature stand in one histogram. */
export interface HistogramLayout {
  /** Index of each feature's first number. */
  readonly offsets: Int32Array;
  /** Numbers of a whole histogram. */
  readonly length: number;
}

/** First and second derivative of the loss by the score, one a row; null: every hessian is 1. */
export interface Gradients {
  readonly gradient: Float64Array;
  readonly hessian: Float64Array | null;
}

export function layoutOf(binCounts: readonly number[]): HistogramLayout {
  const offsets = new Int32Array(binCounts.length);
  let length = 0;
  binCounts.forEach((count, feature) => {
    offsets[feature] = length;
    length += count * STRIDE;
  });
  return { offsets, length };
}

/** Makes histograms of row lists; its scratch space is its own, so one tree at a time. */
export class HistogramBuilder {
  readonly #table: BinnedTable;
  readonly #layout: HistogramLayout;
  readonly #gradient: Float64Array;
  readonly #hessian: Float64Array;

  constructor(table: BinnedTable, layout: HistogramLayout) {
    this.#table = table;
    this.#layout = layout;
    this.#gradient = new Float64Array(table.rows);
    this.#hessian = new Float64Array(table.rows);
  }

  /** Overwrites `into`, for these features only. */
  build(
    into: Float64Array,
    rows: Int32Array,
    features: Int32Array,
    { gradient, hessian }: Gradients,
  ): void {
    into.fill(0);
    // Gathered once a leaf, so that the loop over each feature reads them in order.
    for (let i = 0; i < rows.length; i += 1) {
      this.#gradient[i] = gradient[rows[i] as number] as number;
    }
    if (hessian !== null) {
      for (let i = 0; i < rows.length; i += 1) {
        this.#hessian[i] = hessian[rows[i] as number] as number;
      }
    }
    for (const feature of features) {
      const bins = this.#table.columns[feature] as Uint8Array;
      const offset = this.#layout.offsets[feature] as number;
      if (hessian === null) addGradients(into, offset, bins, rows, this.#gradient);
      else addBoth(into, offset, bins, rows, this.#gradient, this.#hessian);
    }
    if (hessian === null) for (let i = 0; i < into.length; i += STRIDE) copyCount(into, i);
  }
}

/** The sibling of `part` in `whole`, written over `whole`. */
export function subtract(whole: Float64Array, part: Float64Array): void {
  for (let i = 0; i < whole.length; i += 1) {
    whole[i] = (whole[i] as number) - (part[i] as number);
  }
}

function copyCount(into: Float64Array, at: number): void {
  into[at + 1] = into[at + 2] as number;
}

// Four rows a turn: 4.1 ns an update, 8.1 one by one (100,000 rows, a loaded machine).
function addBoth(
  into: Float64Array,
  offset: number,
  bins: Uint8Array,
  rows: Int32Array,
  gradient: Float64Array,
  hessian: Float64Array,
): void {
  const add = (at: number, i: number) => {
    into[at] = (into[at] as number) + (gradient[i] as number);
    into[at + 1] = (into[at + 1] as number) + (hessian[i] as number);
    into[at + 2] = (into[at + 2] as number) + 1;
  };
  const whole = rows.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const a = offset + (bins[rows[i] as number] as number) * STRIDE;
    const b = offset + (bins[rows[i + 1] as number] as number) * STRIDE;
    const c = offset + (bins[rows[i + 2] as number] as number) * STRIDE;
    const d = offset + (bins[rows[i + 3] as number] as number) * STRIDE;
    add(a, i);
    add(b, i + 1);
    add(c, i + 2);
    add(d, i + 3);
  }
  for (let i = whole; i < rows.length; i += 1) {
    add(offset + (bins[rows[i] as number] as number) * STRIDE, i);
  }
}

function addGradients(
  into: Float64Array,
  offset: number,
  bins: Uint8Array,
  rows: Int32Array,
  gradient: Float64Array,
): void {
  const add = (at: number, i: number) => {
    into[at] = (into[at] as number) + (gradient[i] as number);
    into[at + 2] = (into[at + 2] as number) + 1;
  };
  const whole = rows.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const a = offset + (bins[rows[i] as number] as number) * STRIDE;
    const b = offset + (bins[rows[i + 1] as number] as number) * STRIDE;
    const c = offset + (bins[rows[i + 2] as number] as number) * STRIDE;
    const d = offset + (bins[rows[i + 3] as number] as number) * STRIDE;
    add(a, i);
    add(b, i + 1);
    add(c, i + 2);
    add(d, i + 3);
  }
  for (let i = whole; i < rows.length; i += 1) {
    add(offset + (bins[rows[i] as number] as number) * STRIDE, i);
  }
}
