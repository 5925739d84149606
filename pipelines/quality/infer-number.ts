import type { ColumnContract } from "../project/project.ts";
import type { ColumnHistory } from "./column-history.ts";
import type { NumberProfile } from "./profile.ts";

type Range = Pick<ColumnContract, "min" | "max">;
type MeanBounds = Pick<ColumnContract, "minMean" | "maxMean">;

/** Fewer values say nothing about a sign, or about every row having its own. */
const MIN_VALUES = 100;
const UNIQUE_SHARE = 0.95;
const LEAST_WIDENING = 5;
const LEAST_WIDENING_OF_ONE = 10;
const WIDENING_A_WEIGHT = 3;
const MEAN_FLOOR_STDS = 0.6;
const MAX_TAIL_FACTOR = 2;
const MEAN_DEVIATIONS = 4;
const SIGNIFICANT_DIGITS = 6;

/**
 * Bounds of the values, for what is grossly wrong (a sentinel, a lost decimal point): the range seen,
 * widened on each side by itself times 3 weights of the tail there, at least 5 (10 after a single
 * batch, which has shown little of its tails). The weight is (max - q99) / (q99 - q50), and likewise
 * below: about 0.5 for a normal column, 13 for a Pareto column of index 1.5. A side whose quantile
 * equals the median gets no bound. What was never negative in 100 values stays so.
 */
export function inferRange(history: readonly ColumnHistory[]): Range {
  const numbers = numbersOf(history);
  if (numbers.length === 0) return {};
  const { min, max, lowWeight, highWeight } = tailsOf(numbers);
  const isNonNegative = min >= 0 && countValues(history) >= MIN_VALUES;
  const range: { min?: number; max?: number } = isNonNegative ? { min: 0 } : {};
  if (namesRowsOrBatches(history, numbers)) return range;
  const least = history.length === 1 ? LEAST_WIDENING_OF_ONE : LEAST_WIDENING;
  const widening = (weight: number) => (max - min) * Math.max(least, WIDENING_A_WEIGHT * weight);
  if (!isNonNegative && lowWeight !== null) range.min = roundDown(min - widening(lowWeight));
  if (highWeight !== null) range.max = roundUp(max + widening(highWeight));
  return range;
}

/**
 * Bounds of the mean, for what shifts as a whole (another unit, another population): the mean of the
 * batch means, and to each side the largest of
 * - 0.6 standard deviations of the values, times the weight of the heavier tail less 1, between 1
 *   and 2: the mean of a column with tails follows them. Flight delays (weight about 5) move by 0.9 from three
 *   quiet days to a stormy one; miles to kilometres moves the distances (0.2 to 1.3) by 0.78;
 * - 4 times what the next mean may vary: between batches as seen so far, and within the smallest
 *   batch that would still be let in;
 * - what one value at the bound of the range does to the mean of a usual batch.
 * @param smallestRows rows of the smallest batch that passes the check of the volume
 */
export function inferMean(
  history: readonly ColumnHistory[],
  smallestRows: number,
  range: Range,
): MeanBounds {
  const numbers = numbersOf(history);
  if (numbers.length === 0 || namesRowsOrBatches(history, numbers)) return {};
  const means = numbers.map(({ mean }) => mean);
  const center = average(means);
  const within = Math.sqrt(average(numbers.map(({ std }) => std ** 2)));
  const between = sampleVariance(means) * (1 + 1 / means.length);
  const { lowWeight, highWeight } = tailsOf(numbers);
  const weight = Math.max(lowWeight ?? Infinity, highWeight ?? Infinity);
  const floor = MEAN_FLOOR_STDS * within * Math.min(Math.max(1, weight - 1), MAX_TAIL_FACTOR);
  const noise = MEAN_DEVIATIONS * Math.sqrt(between + within ** 2 / smallestRows);
  const ofOne = (bound: number | undefined) =>
    bound === undefined ? 0 : Math.abs(bound - center) / typicalRows(history);
  return {
    minMean: roundDown(center - Math.max(floor, noise, ofOne(range.min))),
    maxMean: roundUp(center + Math.max(floor, noise, ofOne(range.max))),
  };
}

interface Tails {
  readonly min: number;
  readonly max: number;
  /** null: no tail to weigh, the quantile is the median. */
  readonly lowWeight: number | null;
  readonly highWeight: number | null;
}

function tailsOf(numbers: readonly NumberProfile[]): Tails {
  const min = Math.min(...numbers.map((number) => number.min));
  const max = Math.max(...numbers.map((number) => number.max));
  const q01 = Math.min(...numbers.map((number) => quantile(number, 0)));
  const q50 = median(numbers.map((number) => quantile(number, 4)));
  const q99 = Math.max(...numbers.map((number) => quantile(number, 8)));
  return {
    min,
    max,
    lowWeight: q01 < q50 ? (q01 - min) / (q50 - q01) : null,
    highWeight: q99 > q50 ? (max - q99) / (q99 - q50) : null,
  };
}

/** Identifiers, counters, calendar numbers: the next batch has others, and that is no fault. */
function namesRowsOrBatches(
  history: readonly ColumnHistory[],
  numbers: readonly NumberProfile[],
): boolean {
  if (numbers.every(({ std }) => std === 0)) return true;
  const isInteger = history.every(({ column }) => column.type === "integer");
  const values = countValues(history);
  const distinct = history.reduce((sum, { column }) => sum + column.distinct, 0);
  if (isInteger && values >= MIN_VALUES && distinct >= UNIQUE_SHARE * values) return true;
  const within = average(numbers.map(({ std }) => std ** 2));
  return sampleVariance(numbers.map(({ mean }) => mean)) > within;
}

function numbersOf(history: readonly ColumnHistory[]): NumberProfile[] {
  return history.flatMap(({ column }) => (column.number === null ? [] : [column.number]));
}

function countValues(history: readonly ColumnHistory[]): number {
  return history.reduce((sum, { column, rows }) => sum + rows - column.missing, 0);
}

function typicalRows(history: readonly ColumnHistory[]): number {
  return median(history.map(({ rows }) => rows));
}

function quantile(number: NumberProfile, index: number): number {
  return number.quantiles[index] ?? number.mean;
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** 0 for one value. */
function sampleVariance(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = average(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** Outwards, so that a bound reads well and loses nothing. */
function roundDown(value: number): number {
  return roundTo(value, Math.floor);
}

function roundUp(value: number): number {
  return roundTo(value, Math.ceil);
}

function roundTo(value: number, round: (value: number) => number): number {
  if (value === 0 || !Number.isFinite(value)) return value;
  const digits = SIGNIFICANT_DIGITS - 1 - Math.floor(Math.log10(Math.abs(value)));
  if (Math.abs(digits) > 300) return value;
  // Through the exponent: 1e-5 as a factor would bring digits of its own.
  const scaled = round(Number(`${value}e${digits}`));
  return Number.isFinite(scaled) ? Number(`${scaled}e${-digits}`) : value;
}
