import type { ColumnType } from "../project/project.ts";

export interface ColumnSchema {
  readonly name: string;
  readonly type: ColumnType;
}

/** NaN is a missing number; integers, booleans (0, 1) and timestamps (epoch milliseconds) too. */
export interface NumberColumn {
  readonly kind: "number";
  readonly values: Float64Array;
}

/** null is a missing text. */
export interface TextColumn {
  readonly kind: "text";
  readonly values: (string | null)[];
}

export type Column = NumberColumn | TextColumn;

/** Rows by columns, in memory. Every column has `rows` values. */
export interface Table {
  readonly rows: number;
  readonly columns: ReadonlyMap<string, Column>;
}
