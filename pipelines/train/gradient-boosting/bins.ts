import type { Column } from "../../datasets/column.ts";

/** Bins of a feature; one more holds what is missing or unseen: bins fit in a byte. */
const MAX_VALUE_BINS = 254;
/** One of the bins of a number holds +Infinity alone. */
const MAX_FINITE_BINS = MAX_VALUE_BINS - 1;

/**
 * A text in fewer training rows has no code: no split could use it (see find-split.ts), and a rare
 * text may name somebody.
 */
export const MIN_CATEGORY_ROWS = 10;

const MAX_FLOAT32 = 3.4028234663852886e38;

/**
 * Bin b holds thresholds[b-1] < x <= thresholds[b]; the bin behind the last threshold, +Infinity; the
 * bin after that, the missing.
 */
export interface NumberBins {
  readonly kind: "number";
  /** Ascending; every one is exactly a float32, finite, the last the largest there is. */
  readonly thresholds: Float64Array;
  readonly binCount: number;
}

/** Bin b holds categories[b]; the last bin, every other text. A missing text is "". */
export interface TextBins {
  readonly kind: "text";
  readonly categories: readonly string[];
  readonly binCount: number;
}

export type FeatureBins = NumberBins | TextBins;

/** Rows by features, one byte a value. */
export interface BinnedTable {
  readonly rows: number;
  /** Feature after feature, `rows` bytes each. */
  readonly bytes: Uint8Array;
  /** The same bytes, cut by feature. */
  readonly columns: readonly Uint8Array[];
}

/** @param bytes see BinnedTable; kept, not copied */
export function createBinnedTable(rows: number, bytes: Uint8Array): BinnedTable {
  const features = rows === 0 ? 0 : bytes.length / rows;
  const columns = Array.from({ length: features }, (_, feature) =>
    bytes.subarray(feature * rows, (feature + 1) * rows),
  );
  return { rows, bytes, columns };
}

/** Chooses the bins of a feature from its training rows. */
export function chooseBins(column: Column): FeatureBins {
  return column.kind === "number" ? numberBins(column.values) : textBins(column.values);
}

export function binColumn(column: Column, bins: FeatureBins): Uint8Array {
  if (column.kind === "number" && bins.kind === "number") return binNumbers(column.values, bins);
  if (column.kind === "text" && bins.kind === "text") return binTexts(column.values, bins);
  throw new TypeError(`expected a ${bins.kind} column, found ${column.kind}`);
}

/** Bins of about equal numbers of rows; a value of its own where there are few enough. */
function numberBins(values: Float64Array): NumberBins {
  const finite = values.filter((value) => Math.fround(value) < Number.POSITIVE_INFINITY);
  // -Infinity and the lowest float32 are on the same side of every threshold.
  const sorted = Float32Array.from(finite, (value) => Math.max(value, -MAX_FLOAT32)).sort();
  const distinct = countDistinct(sorted);
  const thresholds: number[] = [];
  let binsLeft = MAX_FINITE_BINS;
  let rowsLeft = sorted.length;
  let inBin = 0;
  const isEachOwn = distinct.values.length <= MAX_FINITE_BINS;
  for (let i = 0; i + 1 < distinct.values.length && binsLeft > 1; i += 1) {
    inBin += distinct.counts[i] as number;
    if (!isEachOwn && inBin * binsLeft < rowsLeft) continue;
    thresholds.push(between(distinct.values[i] as number, distinct.values[i + 1] as number));
    rowsLeft -= inBin;
    inBin = 0;
    binsLeft -= 1;
  }
  thresholds.push(MAX_FLOAT32);
  return {
    kind: "number",
    thresholds: Float64Array.from(thresholds),
    binCount: thresholds.length + 2,
  };
}

function countDistinct(sorted: Float32Array): { values: number[]; counts: number[] } {
  const values: number[] = [];
  const counts: number[] = [];
  for (const value of sorted) {
    if (values.at(-1) === value) counts.push((counts.pop() as number) + 1);
    else {
      values.push(value);
      counts.push(1);
    }
  }
  return { values, counts };
}

/** A float32 t with low <= t < high. */
function between(low: number, high: number): number {
  const middle = Math.fround((low + high) / 2);
  return middle < high ? middle : low;
}

function binNumbers(values: Float64Array, { thresholds, binCount }: NumberBins): Uint8Array {
  const result = new Uint8Array(values.length);
  for (let row = 0; row < values.length; row += 1) {
    const value = Math.fround(values[row] as number);
    let low = 0;
    let high = thresholds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (value <= (thresholds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    result[row] = Number.isNaN(value) ? binCount - 1 : low;
  }
  return result;
}

/** The most frequent texts first; of equals, the lower by UTF-16 units. */
function textBins(values: readonly (string | null)[]): TextBins {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value ?? "", (counts.get(value ?? "") ?? 0) + 1);
  const categories = [...counts]
    .filter(([, count]) => count >= MIN_CATEGORY_ROWS)
    .sort(([textA, a], [textB, b]) => b - a || (textA < textB ? -1 : 1))
    .slice(0, MAX_VALUE_BINS)
    .map(([text]) => text);
  return { kind: "text", categories, binCount: categories.length + 1 };
}

function binTexts(values: readonly (string | null)[], { categories }: TextBins): Uint8Array {
  const codes = new Map(categories.map((text, code) => [text, code]));
  return Uint8Array.from(values, (value) => codes.get(value ?? "") ?? categories.length);
}
