import type { ColumnContract, ColumnType } from "../project/project.ts";
import type { Contract } from "./check-spec.ts";
import type { ColumnHistory } from "./column-history.ts";
import { inferMean, inferRange } from "./infer-number.ts";
import { inferValues } from "./infer-values.ts";
import { type BatchProfile, type ColumnProfile, columnNamed } from "./profile.ts";
import { MIN_ROWS_SHARE } from "./row-history.ts";

export interface InferOptions {
  /** Columns that together name a row. */
  readonly key: readonly string[];
  /** Column of the order in time. */
  readonly time: string | null;
  /** Of the contract. */
  readonly version: number;
}

const MISSING_FLOOR = 0.05;
const STANDARD_ERRORS = 4;

/**
 * A contract from the profiles of accepted batches, after the constraint suggestion rules of Deequ
 * (Schelter et al., Automating Large-Scale Data Quality Verification, VLDB 2018), widened so that it
 * may act with nobody watching: what varies by itself must pass, what breaks must not.
 *
 * - type: the type of the batches; integer and number together are number.
 * - maxMissing: the worst share seen + the larger of 0.05 and 4 binomial standard errors of the
 *   smallest batch that would still be let in + the spread of the shares between batches. A key or
 *   time column that was never missing must not be. No bound from 1 on.
 * - min, max, minMean, maxMean: see infer-number.ts. Not for keys, and not for what names a row or a
 *   batch (numbers that differ in every row, that are constant in each batch, or that move on from
 *   batch to batch by more than they vary within one).
 * - values, maxUnknown: see infer-values.ts.
 * - unique: a key of one column. A longer key is checked on its own.
 * - minRows: null; the volume is judged by the history of counts (row-history.ts).
 *
 * Columns are those of the newest batch; one that others lack is judged by those that have it. Pure.
 * @param profiles of at least one batch, oldest first
 */
export function inferContract(profiles: readonly BatchProfile[], options: InferOptions): Contract {
  const newest = profiles.at(-1);
  if (newest === undefined) throw new Error("a contract needs at least one batch");
  const columns: [string, ColumnContract][] = [];
  for (const { name } of newest.columns) {
    const history = historyOf(profiles, name);
    if (history.length > 0) columns.push([name, inferColumn(name, history, options)]);
  }
  return { version: options.version, columns: Object.fromEntries(columns), minRows: null };
}

function historyOf(profiles: readonly BatchProfile[], name: string): ColumnHistory[] {
  return profiles.flatMap((profile) => {
    const column = columnNamed(profile, name);
    return column === null || profile.rows === 0 ? [] : [{ column, rows: profile.rows }];
  });
}

function inferColumn(
  name: string,
  history: readonly ColumnHistory[],
  { key, time }: InferOptions,
): ColumnContract {
  const smallestRows = Math.max(
    1,
    Math.ceil(Math.min(...history.map(({ rows }) => rows)) * MIN_ROWS_SHARE),
  );
  const type = inferType(history.map(({ column }) => column));
  const isKey = key.includes(name);
  const contract: ColumnContract = {
    type,
    ...inferMissing(history, smallestRows, isKey || name === time),
  };
  if (isKey) return key.length === 1 ? { ...contract, unique: true } : contract;
  if (type === "text") return { ...contract, ...inferValues(history, smallestRows) };
  if (type === "timestamp") return contract;
  const range = type === "boolean" ? {} : inferRange(history);
  return { ...contract, ...range, ...inferMean(history, smallestRows, range) };
}

/** All-missing batches say nothing; of two that do not fit, the newest. */
function inferType(columns: readonly ColumnProfile[]): ColumnType {
  const last = columns.at(-1);
  if (last === undefined) throw new Error("a column needs at least one batch");
  const said = columns.filter(({ distinct }) => distinct > 0).map(({ type }) => type);
  const newest = said.at(-1) ?? last.type;
  return newest === "integer" && said.includes("number") ? "number" : newest;
}

function inferMissing(
  history: readonly ColumnHistory[],
  smallestRows: number,
  isNeeded: boolean,
): Pick<ColumnContract, "maxMissing"> {
  const shares = history.map(({ column, rows }) => column.missing / rows);
  const worst = Math.max(...shares);
  if (isNeeded && worst === 0) return { maxMissing: 0 };
  const error = Math.sqrt((worst * (1 - worst)) / smallestRows);
  const spread = worst - Math.min(...shares);
  const bound = worst + Math.max(MISSING_FLOOR, STANDARD_ERRORS * error) + spread;
  return bound >= 1 ? {} : { maxMissing: Number(bound.toFixed(4)) };
}
