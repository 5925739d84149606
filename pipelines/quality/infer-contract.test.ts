import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ColumnContract, ColumnType } from "../project/project.ts";
import { type InferOptions, inferContract } from "./infer-contract.ts";
import type { BatchProfile, ColumnProfile, NumberProfile } from "./profile.ts";

const ROWS = 1000;
const options: InferOptions = { key: [], time: null, version: 1 };

function column(name: string, type: ColumnType, fields: Partial<ColumnProfile>): ColumnProfile {
  const empty = { missing: 0, distinct: 50, number: null, text: null, time: null };
  return { name, type, ...empty, ...fields };
}

/** A symmetric column; its 1 % and 99 % quantiles stand at 2.3 deviations. */
function spread(mean: number, std: number, fields: Partial<NumberProfile> = {}): NumberProfile {
  const at = [-2.3, -1.6, -1.3, -0.7, 0, 0.7, 1.3, 1.6, 2.3];
  return {
    min: mean - 3 * std,
    max: mean + 3 * std,
    mean,
    std,
    quantiles: at.map((z) => mean + z * std),
    infinite: 0,
    ...fields,
  };
}

function texts(
  counts: Readonly<Record<string, number>>,
  isComplete = true,
): Partial<ColumnProfile> {
  const values = Object.entries(counts).map(([value, count]) => ({ value, count }));
  return {
    distinct: values.length,
    text: { minLength: 1, maxLength: 9, meanLength: 3, values, isComplete },
  };
}

function infer(columns: readonly ColumnProfile[], given = options): ColumnContract {
  const profiles: BatchProfile[] = columns.map((one) => ({
    schemaVersion: 1,
    rows: ROWS,
    columns: [one],
  }));
  const contract = inferContract(profiles, given).columns["x"];
  assert.ok(contract);
  return contract;
}

function numbers(parts: readonly NumberProfile[], fields: Partial<ColumnProfile> = {}) {
  return infer(parts.map((number) => column("x", "number", { number, ...fields })));
}

function between(value: number | undefined, low: number, high: number): void {
  assert.ok(value !== undefined && value >= low && value <= high, `${value} in ${low} to ${high}`);
}

describe("a contract from profiles", () => {
  it("widens the range and keeps what is not negative so", () => {
    const positive = numbers([spread(10, 2), spread(10.1, 2), spread(9.9, 2)]);
    assert.equal(positive.min, 0);
    between(positive.max, 60, 100);
    const both = numbers([spread(0, 2), spread(0.1, 2)]);
    between(both.min, -100, -60);
    between(both.max, 60, 100);
  });

  it("widens it more where the tail is heavy", () => {
    const heavy = { max: 200, quantiles: [0, 0, 1, 1, 2, 3, 5, 8, 20] };
    const { max } = numbers([spread(4, 8, heavy), spread(4, 8, heavy)]);
    between(max, 5000, 9000);
  });

  it("lets the mean follow heavy tails further", () => {
    const heavy = { max: 200, quantiles: [0, 0, 1, 1, 2, 3, 5, 8, 20] };
    const light = numbers([spread(4, 1), spread(4, 1)]);
    const tailed = numbers([spread(4, 1, heavy), spread(4, 1, heavy)]);
    between(light.minMean, 3.3, 3.5);
    between(tailed.minMean, 2.7, 2.9);
  });

  it("gives no upper bound where 99 % are the same", () => {
    const zeros = { min: 0, max: 5, quantiles: Array(9).fill(0) };
    const { min, max } = numbers([spread(0.01, 0.2, zeros), spread(0.01, 0.2, zeros)]);
    assert.deepEqual([min, max], [0, undefined]);
  });

  it("bounds the mean by the spread within and between batches", () => {
    const quiet = numbers([spread(100, 10), spread(100, 10), spread(100, 10)]);
    between(quiet.minMean, 93, 94.1);
    between(quiet.maxMean, 105.9, 107);
    const restless = numbers([spread(92, 10), spread(100, 10), spread(108, 10)]);
    between(restless.maxMean, 130, 145);
  });

  it("bounds nothing of what names a batch or a row", () => {
    const constant = numbers([spread(1, 0), spread(2, 0)]);
    const moving = numbers([spread(1000, 100), spread(2000, 100), spread(3000, 100)]);
    const ids = infer(
      [1, 2].map(() => column("x", "integer", { number: spread(5e5, 1e5), distinct: 990 })),
    );
    for (const { max, minMean, maxMean } of [constant, moving, ids]) {
      assert.deepEqual([max, minMean, maxMean], [undefined, undefined, undefined]);
    }
  });

  it("lets more be missing than was seen", () => {
    const missing = (...counts: number[]) =>
      infer(counts.map((count) => column("x", "timestamp", { missing: count }))).maxMissing;
    assert.equal(missing(0, 0, 0), 0.05);
    between(missing(200, 200), 0.3, 0.4);
    between(missing(100, 200), 0.4, 0.5);
    assert.equal(missing(990, 995), undefined);
  });

  it("wants every key and time, and a key of one column different in every row", () => {
    const key = [column("x", "integer", { distinct: ROWS, number: spread(5, 2) })];
    assert.deepEqual(infer(key, { ...options, key: ["x"] }), {
      type: "integer",
      maxMissing: 0,
      unique: true,
    });
    assert.deepEqual(infer(key, { ...options, key: ["x", "y"] }), {
      type: "integer",
      maxMissing: 0,
    });
    const time = [column("x", "timestamp", {})];
    assert.equal(infer(time, { ...options, time: "x" }).maxMissing, 0);
  });

  it("lists the values of a column that repeats them", () => {
    const days = [texts({ b: 600, a: 400 }), texts({ a: 500, b: 490, c: 10 })];
    const contract = infer(days.map((day) => column("x", "text", day)));
    assert.deepEqual(contract.values, ["a", "b", "c"]);
    between(contract.maxUnknown, 0.1, 0.15);
  });

  it("lists none where the next batch will bring its own", () => {
    const cases = [
      [texts({ monday: 900, x: 100 }), texts({ tuesday: 900, x: 100 })],
      [texts({ january: 1000 }), texts({ january: 1000 })],
      [texts({ a: 900, b: 100 }), texts({ a: 10, b: 9 }, false)],
      [texts(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`id${i}`, 1])))],
    ];
    for (const days of cases) {
      assert.equal(infer(days.map((day) => column("x", "text", day))).values, undefined);
    }
  });

  it("takes whole numbers beside others for numbers, and no type from nothing", () => {
    const number = spread(0, 1);
    const typeOf = (...types: [ColumnType, number][]) =>
      infer(types.map(([type, distinct]) => column("x", type, { number, distinct }))).type;
    assert.equal(typeOf(["number", 9], ["integer", 9]), "number");
    assert.equal(typeOf(["integer", 9], ["number", 9]), "number");
    assert.equal(typeOf(["integer", 9], ["text", 0]), "integer");
  });

  it("needs a batch", () => {
    assert.throws(() => inferContract([], options), /at least one batch/);
  });
});
