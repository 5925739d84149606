import type { ColumnContract } from "../project/project.ts";
import type { ColumnHistory } from "./column-history.ts";

/** More different values than this are no categories. */
const MAX_VALUES = 1000;
const UNKNOWN_FLOOR = 0.1;
const STANDARD_ERRORS = 4;
/** A share of new values beyond which the list says nothing about the next batch. */
const MAX_NEW_SHARE = 0.25;

/**
 * The values of a text column with few of them, and the share of rows that may hold others: 4 times
 * the share of rows whose value no other batch had (worst batch; the leave-one-out form of the
 * Good-Turing estimate) + 4 binomial standard errors of the smallest batch, at least 0.1 (the domain
 * threshold of SageMaker Model Monitor).
 *
 * Nothing for columns with more than 500 values in a batch or 1000 in all, for those in which new
 * values are common, and for those that are constant in each batch: the name of a month, or a file's.
 * After one batch, the values that stand once take the place of the new ones.
 */
export function inferValues(
  history: readonly ColumnHistory[],
  smallestRows: number,
): Pick<ColumnContract, "values" | "maxUnknown"> {
  const texts = history.flatMap(({ column }) => (column.text === null ? [] : [column.text]));
  if (texts.length < history.length || texts.some(({ isComplete }) => !isComplete)) return {};
  if (texts.every(({ values }) => values.length < 2)) return {};
  const batches = texts.map(({ values }) => new Map(values.map((v) => [v.value, v.count])));
  const known = countBatches(batches);
  if (known.size > MAX_VALUES) return {};
  const fresh = Math.max(...batches.map((batch) => freshShare(batch, known, batches.length === 1)));
  if (fresh > MAX_NEW_SHARE) return {};
  const error = Math.sqrt((fresh * (1 - fresh)) / smallestRows);
  const bound = Math.max(UNKNOWN_FLOOR, STANDARD_ERRORS * (fresh + error));
  if (bound >= 1) return {};
  return { values: [...known.keys()].sort(), maxUnknown: Number(bound.toFixed(4)) };
}

/** In how many batches each value stands. */
function countBatches(batches: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const batch of batches) {
    for (const value of batch.keys()) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return counts;
}

function freshShare(
  batch: ReadonlyMap<string, number>,
  known: ReadonlyMap<string, number>,
  isOnly: boolean,
): number {
  let rows = 0;
  let fresh = 0;
  for (const [value, count] of batch) {
    rows += count;
    if (isOnly ? count === 1 : known.get(value) === 1) fresh += count;
  }
  return rows === 0 ? 0 : fresh / rows;
}
