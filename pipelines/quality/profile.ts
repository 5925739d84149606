import type { ColumnType } from "../project/project.ts";

/** Shares at which the quantiles of a number column are taken. */
export const QUANTILE_SHARES = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99] as const;

/** `profile.json`: what the columns of one batch look like. */
export interface BatchProfile {
  readonly schemaVersion: 1;
  readonly rows: number;
  /** In the order of the file. */
  readonly columns: readonly ColumnProfile[];
}

export interface ColumnProfile {
  readonly name: string;
  readonly type: ColumnType;
  /** Rows without a value; NaN is one of them. */
  readonly missing: number;
  /** Different values: exact where `text.isComplete`, else by HyperLogLog (a few per cent off). */
  readonly distinct: number;
  /** Of number, integer and boolean (0, 1); null for others, and without a finite value. */
  readonly number: NumberProfile | null;
  readonly text: TextProfile | null;
  readonly time: { readonly minMs: number; readonly maxMs: number } | null;
}

/** Over finite values. */
export interface NumberProfile {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  /** Of the population, not of a sample. */
  readonly std: number;
  /** At QUANTILE_SHARES, by t-digest: near, not exact. */
  readonly quantiles: readonly number[];
  /** Values that are +Infinity or -Infinity. */
  readonly infinite: number;
}

export interface TextProfile {
  /** Characters; null where every value is missing. */
  readonly minLength: number | null;
  readonly maxLength: number | null;
  readonly meanLength: number | null;
  /** Commonest first, equal counts by value. */
  readonly values: readonly { readonly value: string; readonly count: number }[];
  /** `values` is all there is; else it is the commonest of those that stand more than once. */
  readonly isComplete: boolean;
}

/** A column with no more different texts than this has all of them in its profile. */
export const MAX_LISTED_VALUES = 500;
/** Of a column with more, the commonest. */
export const TOP_VALUES = 50;

export function columnNamed(profile: BatchProfile, name: string): ColumnProfile | null {
  return profile.columns.find((column) => column.name === name) ?? null;
}
