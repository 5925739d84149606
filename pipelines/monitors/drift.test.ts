import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Column, Table } from "../datasets/column.ts";
import type { Feature } from "../train/train-spec.ts";
import { type ColumnFinding, driftOf } from "./drift.ts";
import { isAlert } from "./k-of-n.ts";
import type { ColumnDrift } from "./observe-spec.ts";

const BOUNDS = { distance: 0.1, pValue: 0.05 };

type Values = readonly (number | null)[] | readonly (string | null)[];

/** `prediction` is a constant unless it is given; numbers may be missing as NaN or null. */
function table(columns: Readonly<Record<string, Values>>): Table {
  const rows = Object.values(columns)[0]?.length ?? 0;
  const given = { prediction: new Array<number>(rows).fill(0.5), ...columns };
  return {
    rows,
    columns: new Map(Object.entries(given).map(([name, values]) => [name, columnOf(values)])),
  };
}

function columnOf(values: Values): Column {
  if (values.some((value) => typeof value === "string")) {
    return { kind: "text", values: values.map((value) => value as string | null) };
  }
  const numbers = values.map((value) => (value === null ? Number.NaN : Number(value)));
  return { kind: "number", values: Float64Array.from(numbers) };
}

const X: readonly Feature[] = [{ name: "x", kind: "number" }];
const T: readonly Feature[] = [{ name: "t", kind: "text" }];
/** A fixed, even spread over 0 … 1. */
const spread = (rows: number, start = 0) =>
  Array.from({ length: rows }, (_, i) => ((i + start) * 0.618_033_988_749_895) % 1);

function driftIn(findings: readonly ColumnFinding[], column: string): ColumnDrift {
  const finding = findings.find(({ drift }) => drift.column === column);
  assert.ok(finding !== undefined, `no finding for ${column}`);
  return finding.drift;
}

function assertFinite(findings: readonly ColumnFinding[]): void {
  assert.doesNotMatch(
    JSON.stringify(findings, (_, v) => (Number.isNaN(v) ? "NaN" : v)),
    /NaN/,
  );
  for (const { drift } of findings) {
    for (const value of [drift.distance, drift.adjustedP, drift.psi]) {
      assert.ok(Number.isFinite(value), JSON.stringify(drift));
    }
  }
}

describe("drift", () => {
  it("is silent on a window like the reference, and names features and the prediction", () => {
    const findings = driftOf(table({ x: spread(5000) }), table({ x: spread(500, 7) }), X, BOUNDS);
    assert.deepEqual(
      findings.map(({ drift }) => [drift.column, drift.kind, drift.hasDrifted]),
      [
        ["x", "number", false],
        ["prediction", "number", false],
      ],
    );
    assertFinite(findings);
  });

  it("needs both: distance without significance is none, nor significance without distance", () => {
    const few = driftOf(table({ x: spread(5000) }), table({ x: [0.9, 0.8, 0.2] }), X, BOUNDS);
    const x = driftIn(few, "x");
    assert.ok(x.distance >= BOUNDS.distance && x.adjustedP >= BOUNDS.pValue);
    assert.equal(x.hasDrifted, false);

    const shifted = spread(9000).map((value) => value + 0.025);
    const y = driftIn(driftOf(table({ x: spread(9000) }), table({ x: shifted }), X, BOUNDS), "x");
    assert.ok(y.distance < BOUNDS.distance && y.adjustedP < BOUNDS.pValue);
    assert.equal(y.hasDrifted, false);
  });

  it("finds a unit that changed and says how", () => {
    const window = spread(500).map((value) => value * 1.6);
    const x = driftIn(driftOf(table({ x: spread(5000) }), table({ x: window }), X, BOUNDS), "x");
    assert.equal(x.hasDrifted, true);
    assert.equal(x.text, "mean 0.5 -> 0.7992");
    assert.ok(x.psi > 0.1);
  });

  it("finds a drifted prediction", () => {
    const findings = driftOf(
      table({ x: spread(5000), prediction: spread(5000) }),
      table({ x: spread(500), prediction: spread(500).map((value) => value ** 2) }),
      X,
      BOUNDS,
    );
    assert.equal(driftIn(findings, "prediction").hasDrifted, true);
  });

  it("compares numbers as FP32, the way they were captured", () => {
    const reference = spread(5000).map((value) => Math.round(value * 2) / 10);
    const window = reference.slice(0, 500).map(Math.fround);
    const x = driftIn(driftOf(table({ x: reference }), table({ x: window }), X, BOUNDS), "x");
    assert.ok(x.adjustedP > 0.5, `${x.adjustedP}`);
  });

  it("finds missing values by their share alone", () => {
    const window = spread(500).map((value, i) => (i % 10 < 3 ? null : value));
    const x = driftIn(driftOf(table({ x: spread(5000) }), table({ x: window }), X, BOUNDS), "x");
    assert.equal(x.hasDrifted, true);
    assert.equal(x.text, "missing 0 % -> 30 %");
  });

  it("finds a category that is gone, a new one and an exchanged vocabulary", () => {
    const names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    const pick = (rows: number, from: readonly string[]) =>
      Array.from({ length: rows }, (_, i) => from[i % from.length] as string);
    const reference = table({ t: pick(5000, names) });
    const find = (t: readonly string[]) =>
      driftIn(driftOf(reference, table({ t }), T, BOUNDS), "t");
    assert.equal(find(pick(500, names)).hasDrifted, false);
    const gone = find(pick(500, names.slice(1)));
    assert.equal(gone.hasDrifted, true);
    assert.equal(gone.text, "category 'a' 12.5 % -> 0 %");
    const added = find(pick(500, [...names, "new\nline"]));
    assert.equal(added.text, "category 'new\\nline' 0 % -> 11 %");
    const ids = table({ t: Array.from({ length: 5000 }, (_, i) => `old${i % 1000}`) });
    const others = table({ t: Array.from({ length: 500 }, (_, i) => `new${i}`) });
    const exchanged = driftIn(driftOf(ids, others, T, BOUNDS), "t");
    assert.equal(exchanged.hasDrifted, true);
    assert.match(exchanged.text, /^rare categories 100 % -> 0 %$/);
  });

  it("says nothing of ids that are all different", () => {
    const ids = (rows: number, prefix: string) =>
      table({ t: Array.from({ length: rows }, (_, i) => `${prefix}${i}`) });
    const t = driftIn(driftOf(ids(5000, "a"), ids(500, "b"), T, BOUNDS), "t");
    assert.equal(t.hasDrifted, false);
    assert.equal(t.distance, 0);
  });

  it("gives defined answers for data with nothing in them", () => {
    const nan = new Array<number>(300).fill(Number.NaN);
    const ones = new Array<number>(300).fill(1);
    const empty: Table = {
      rows: 0,
      columns: new Map([
        ["x", { kind: "number", values: new Float64Array() }],
        ["prediction", { kind: "number", values: new Float64Array() }],
      ]),
    };
    const drifts = (a: Table, b: Table) => {
      const findings = driftOf(a, b, X, BOUNDS);
      assertFinite(findings);
      return driftIn(findings, "x");
    };
    assert.equal(drifts(table({ x: ones }), empty).text, "no values to compare");
    assert.equal(drifts(empty, table({ x: ones })).hasDrifted, false);
    assert.equal(drifts(empty, empty).hasDrifted, false);
    assert.equal(drifts(table({ x: nan }), table({ x: nan })).hasDrifted, false);
    assert.equal(drifts(table({ x: ones }), table({ x: ones })).distance, 0);
    assert.equal(drifts(table({ x: ones }), table({ x: nan })).text, "missing 0 % -> 100 %");
    assert.equal(drifts(table({ x: ones }), table({ x: nan })).hasDrifted, true);
    assert.equal(drifts(table({ x: nan }), table({ x: ones })).hasDrifted, true);
    const moved = drifts(table({ x: ones }), table({ x: ones.map(() => 2) }));
    assert.deepEqual([moved.distance, moved.hasDrifted], [1, true]);
    const infinite = ones.map(() => Number.POSITIVE_INFINITY);
    assert.equal(drifts(table({ x: ones }), table({ x: infinite })).hasDrifted, true);
    drifts(table({ x: [3e38, -3e38] }), table({ x: [3e38, 3e38] }));
  });

  it("takes one category and empty texts", () => {
    const one = (rows: number, value: string) => table({ t: new Array<string>(rows).fill(value) });
    const same = driftOf(one(500, "a"), one(300, "a"), T, BOUNDS);
    assertFinite(same);
    assert.equal(driftIn(same, "t").hasDrifted, false);
    const gone = driftOf(one(500, "a"), one(300, ""), T, BOUNDS);
    assertFinite(gone);
    assert.equal(driftIn(gone, "t").text, "missing 0 % -> 100 %");
  });

  it("names a column that is not there, or of another kind", () => {
    const x = table({ x: [1, 2] });
    assert.throws(() => driftOf(x, table({ y: [1] }), X, BOUNDS), /column 'x' in the window/);
    assert.throws(() => driftOf(x, table({ x: ["a"] }), X, BOUNDS), /number column, found text/);
  });
});

describe("k of n windows", () => {
  const bounds = { k: 2, n: 3 };
  it("acts when it is seen now and often enough before", () => {
    assert.equal(isAlert(true, [], bounds), false);
    assert.equal(isAlert(true, [true], bounds), true);
    assert.equal(isAlert(true, [true, false], bounds), true);
    assert.equal(isAlert(true, [true, false, false], bounds), false);
    assert.equal(isAlert(false, [true, true], bounds), false);
    assert.equal(isAlert(true, [true, true], { k: 1, n: 1 }), true);
    assert.equal(isAlert(true, [true, true], { k: 2, n: 1 }), false);
  });
});
