import type { ColumnContract, ColumnType } from "../project/project.ts";
import type { Contract, Problem } from "./check-spec.ts";
import type { ViolationCounts } from "./count-violations.ts";
import { type BatchProfile, type ColumnProfile, columnNamed } from "./profile.ts";

/**
 * Fewer rows say little of a mean or a share: what is inferred of them is not asked of a batch, or a
 * column, with fewer. With 30 the least width of a mean's bounds (0.6 standard deviations, see
 * infer-number.ts) is 3.3 of its standard errors, which chance leaves once in a thousand columns; with
 * 10 it is 1.9, once in seventeen. And one row in 30 is within the 5 % that every share is allowed
 * (infer-contract.ts); in fewer than 20 it is not.
 */
export const LEAST_ROWS = 30;

/** What the batch is held against beside the contract. */
export interface CheckContext {
  /** Columns that together name a row. */
  readonly key: readonly string[];
  /** Columns that may be there or not. */
  readonly unchecked: ReadonlySet<string>;
  /** A piece of an answer: how many rows it has is nobody's fault. */
  readonly isPartial: boolean;
  /** From the history of accepted batches; null: no history. */
  readonly fewestRows: number | null;
  /** Parts of the contract that somebody wrote, by column: they hold for any number of rows. */
  readonly written: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * Everything in which a batch breaks its contract; empty: nothing. Texts hold counts and bounds, never
 * a value of a text column. A column of missing values only may be of any type. Pure.
 */
export function checkBatch(
  profile: BatchProfile,
  contract: Contract,
  counts: ViolationCounts,
  context: CheckContext,
): Problem[] {
  const expected = new Map(Object.entries(contract.columns));
  const problems = [
    ...checkRows(profile.rows, contract.minRows, context),
    ...checkColumns(
      profile,
      new Map([...expected].map(([name, { type }]) => [name, type])),
      context.unchecked,
    ),
  ];
  for (const [name, column] of expected) {
    const found = columnNamed(profile, name);
    if (found === null || profile.rows === 0) continue;
    const asked = askedOf(found, column, profile.rows, context.written.get(name) ?? null);
    problems.push(...checkColumn(found, asked, profile.rows, counts));
  }
  // A key of one column is unique by its column's contract, where a project can lift it.
  const [only] = context.key;
  const isByContract = context.key.length === 1 && only !== undefined && expected.has(only);
  if (!isByContract) problems.push(...checkKey(context.key, profile.rows, counts.repeatedKeys));
  return problems;
}

/** What of the contract so many rows can be asked: see LEAST_ROWS. That nothing is missing is no share. */
function askedOf(
  { missing }: ColumnProfile,
  contract: ColumnContract,
  rows: number,
  written: ReadonlySet<string> | null,
): ColumnContract {
  const { maxMissing, minMean, maxMean, values, maxUnknown, ...always } = contract;
  const isWritten = (...parts: readonly string[]) => parts.some((part) => written?.has(part));
  const hasRows = rows >= LEAST_ROWS || maxMissing === 0;
  const hasValues = rows - missing >= LEAST_ROWS;
  const asked: ColumnContract = { ...always };
  if (maxMissing !== undefined && (hasRows || isWritten("maxMissing")))
    asked.maxMissing = maxMissing;
  if (minMean !== undefined && (hasValues || isWritten("minMean"))) asked.minMean = minMean;
  if (maxMean !== undefined && (hasValues || isWritten("maxMean"))) asked.maxMean = maxMean;
  if (values !== undefined && (hasValues || isWritten("values", "maxUnknown"))) {
    asked.values = values;
    if (maxUnknown !== undefined) asked.maxUnknown = maxUnknown;
  }
  return asked;
}

/** Before there is a contract: the columns and types of the batches before, and the key. */
export function checkWithoutContract(
  profile: BatchProfile,
  accepted: ReadonlyMap<string, ColumnType> | null,
  repeatedKeys: number,
  context: CheckContext,
): Problem[] {
  return [
    ...checkRows(profile.rows, null, context),
    ...(accepted === null ? [] : checkColumns(profile, accepted, context.unchecked)),
    ...(accepted === null ? [] : checkTypes(profile, accepted)),
    ...checkKey(context.key, profile.rows, repeatedKeys),
  ];
}

function checkRows(
  rows: number,
  minRows: number | null,
  { isPartial, fewestRows: fewest }: CheckContext,
): Problem[] {
  const found = `${rows} rows`;
  if (isPartial && rows > 0) return [];
  const problem = (expected: string) => [{ column: null, rule: "rows", expected, found }];
  if (minRows !== null && rows < minRows) return problem(`at least ${minRows} rows`);
  // A bound that somebody wrote takes the place of the one by history.
  if (minRows === null && fewest !== null && rows < fewest) {
    return problem(`at least ${fewest} rows, by the accepted batches before`);
  }
  return rows === 0 ? problem("at least 1 row") : [];
}

function checkColumns(
  profile: BatchProfile,
  expected: ReadonlyMap<string, ColumnType>,
  unchecked: ReadonlySet<string>,
): Problem[] {
  const problems: Problem[] = [];
  for (const [name, type] of expected) {
    if (unchecked.has(name) || columnNamed(profile, name) !== null) continue;
    problems.push({
      column: name,
      rule: "columns",
      expected: `a column of ${type}`,
      found: "no such column",
    });
  }
  for (const { name, type } of profile.columns) {
    if (expected.has(name) || unchecked.has(name)) continue;
    problems.push({
      column: name,
      rule: "columns",
      expected: "no such column",
      found: `a column of ${type}`,
    });
  }
  return problems;
}

function checkTypes(profile: BatchProfile, expected: ReadonlyMap<string, ColumnType>): Problem[] {
  return profile.columns.flatMap((column) => {
    const type = expected.get(column.name);
    // Files without declared types make integers of whole numbers: before a contract both will do.
    const areNumbers = isNumber(column.type) && type !== undefined && isNumber(type);
    if (type === undefined || type === column.type || areNumbers) return [];
    return column.distinct === 0 ? [] : [typeProblem(column, type)];
  });
}

function isNumber(type: ColumnType): boolean {
  return type === "number" || type === "integer";
}

function typeProblem({ name, type }: ColumnProfile, expected: ColumnType): Problem {
  return { column: name, rule: "type", expected, found: type };
}

function checkKey(key: readonly string[], rows: number, repeated: number): Problem[] {
  if (repeated === 0) return [];
  return [
    {
      column: key.length === 1 ? (key[0] ?? null) : null,
      rule: "unique",
      expected: `${key.join(", ")} different in every row`,
      found: `${countOf(repeated, rows)} repeat a key`,
    },
  ];
}

function checkColumn(
  column: ColumnProfile,
  contract: ColumnContract,
  rows: number,
  counts: ViolationCounts,
): Problem[] {
  const missing = checkMissing(column, contract, rows);
  if (column.distinct === 0) return missing;
  const typed = checkType(column, contract, rows, counts);
  // Values of another type say nothing about the other bounds.
  if (typed.length > 0) return [...typed, ...missing];
  return [
    ...missing,
    ...checkRange(column, contract, rows, counts),
    ...checkMean(column, contract),
    ...checkValues(column, contract, rows, counts),
    ...checkUnique(column, contract, rows, counts),
  ];
}

function checkType(
  column: ColumnProfile,
  { type }: ColumnContract,
  rows: number,
  counts: ViolationCounts,
): Problem[] {
  if (column.type === type || (type === "number" && column.type === "integer")) return [];
  if (type !== "integer" || column.type !== "number") return [typeProblem(column, type)];
  const fractional = counts.fractional.get(column.name) ?? 0;
  if (fractional === 0) return [];
  const found = `number: ${countOf(fractional, rows)} are not whole`;
  return [{ column: column.name, rule: "type", expected: type, found }];
}

function checkMissing(
  { name, missing }: ColumnProfile,
  { maxMissing }: ColumnContract,
  rows: number,
): Problem[] {
  if (maxMissing === undefined || missing / rows <= maxMissing) return [];
  return [
    {
      column: name,
      rule: "missing",
      expected: `at most ${percent(maxMissing)} missing`,
      found: `${countOf(missing, rows)} are missing`,
    },
  ];
}

function checkRange(
  { name, number }: ColumnProfile,
  { min, max }: ColumnContract,
  rows: number,
  counts: ViolationCounts,
): Problem[] {
  const outside = counts.outside.get(name) ?? 0;
  if (outside === 0) return [];
  const seen =
    number === null ? "none is finite" : `from ${short(number.min)} to ${short(number.max)}`;
  return [
    {
      column: name,
      rule: "range",
      expected: `every value ${between(min, max)}`,
      found: `${countOf(outside, rows)} are outside; ${seen}`,
    },
  ];
}

function checkMean(
  { name, number }: ColumnProfile,
  { minMean, maxMean }: ColumnContract,
): Problem[] {
  if (number === null) return [];
  const isLow = minMean !== undefined && number.mean < minMean;
  const isHigh = maxMean !== undefined && number.mean > maxMean;
  if (!isLow && !isHigh) return [];
  return [
    {
      column: name,
      rule: "mean",
      expected: `mean ${between(minMean, maxMean)}`,
      found: `mean ${short(number.mean)}`,
    },
  ];
}

function checkValues(
  { name, missing }: ColumnProfile,
  { values, maxUnknown }: ColumnContract,
  rows: number,
  counts: ViolationCounts,
): Problem[] {
  const unknown = counts.unknown.get(name);
  const present = rows - missing;
  if (values === undefined || unknown === undefined || present === 0) return [];
  if (unknown.rows / present <= (maxUnknown ?? 0)) return [];
  return [
    {
      column: name,
      rule: "values",
      expected: `at most ${percent(maxUnknown ?? 0)} beside the ${values.length} known values`,
      found: `${countOf(unknown.rows, present)} hold ${unknown.distinct} other values`,
    },
  ];
}

function checkUnique(
  { name }: ColumnProfile,
  { unique }: ColumnContract,
  rows: number,
  counts: ViolationCounts,
): Problem[] {
  const repeated = counts.repeated.get(name) ?? 0;
  if (unique !== true || repeated === 0) return [];
  return [
    {
      column: name,
      rule: "unique",
      expected: "a different value in every row",
      found: `${countOf(repeated, rows)} repeat a value`,
    },
  ];
}

function countOf(count: number, rows: number): string {
  return `${count} of ${rows} rows (${percent(count / rows)})`;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))} %`;
}

function between(low: number | undefined, high: number | undefined): string {
  if (low === undefined) return `at most ${high}`;
  return high === undefined ? `at least ${low}` : `from ${low} to ${high}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(6)));
}
