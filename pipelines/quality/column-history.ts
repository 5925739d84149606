import type { ColumnProfile } from "./profile.ts";

/** One column in one batch; a list of these is the column's history, oldest first. */
export interface ColumnHistory {
  readonly column: ColumnProfile;
  /** Of the batch; at least 1. */
  readonly rows: number;
}
