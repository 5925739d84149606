import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ColumnContract } from "../project/project.ts";
import { checkBatch, LEAST_ROWS } from "./check-batch.ts";
import type { ViolationCounts } from "./count-violations.ts";
import type { BatchProfile } from "./profile.ts";

/** A column of whole numbers, or of text, as its profile tells it. */
interface Column {
  readonly rows: number;
  readonly missing?: number;
  readonly isText?: boolean;
}

function profileOf({ rows, missing = 0, isText = false }: Column): BatchProfile {
  const number = { min: 0, max: 9, mean: 5, std: 3, quantiles: [], infinite: 0 };
  const column = {
    name: "x",
    type: isText ? "text" : "integer",
    missing,
    distinct: 2,
    number: isText ? null : number,
    text: null,
    time: null,
  };
  return { schemaVersion: 1, rows, columns: [column] } as unknown as BatchProfile;
}

function rulesOf(
  column: Column,
  contract: Partial<ColumnContract>,
  { counts = {}, written = [] }: { counts?: object; written?: readonly string[] } = {},
): string[] {
  const type = column.isText === true ? "text" : "integer";
  const none = { outside: new Map(), unknown: new Map(), fractional: new Map() };
  const all = { ...none, repeated: new Map(), repeatedKeys: 0, ...counts } as ViolationCounts;
  const asked = { version: 1, columns: { x: { type, ...contract } as const }, minRows: null };
  const problems = checkBatch(profileOf(column), asked, all, {
    key: [],
    unchecked: new Set(),
    isPartial: false,
    fewestRows: null,
    written: new Map([["x", new Set(written)]]),
  });
  return problems.map(({ rule }) => rule);
}

const FEW = LEAST_ROWS - 1;

describe("a batch of a few rows", () => {
  const parts: [string, string, Partial<ColumnContract>, Partial<Column>][] = [
    ["maxMissing", "missing", { maxMissing: 0.05 }, { missing: 8 }],
    ["minMean", "mean", { minMean: 100 }, {}],
    ["maxMean", "mean", { maxMean: 1 }, {}],
    ["values", "values", { values: ["a"], maxUnknown: 0.1 }, { isText: true }],
    ["maxUnknown", "values", { values: ["a"], maxUnknown: 0.1 }, { isText: true }],
  ];
  for (const [part, rule, contract, change] of parts) {
    it(`is not asked ${part}, unless that was written`, () => {
      const counts = { unknown: new Map([["x", { rows: 20, distinct: 2 }]]) };
      const rules = (rows: number, written: readonly string[] = []) =>
        rulesOf({ rows, ...change }, contract, { counts, written });
      assert.deepEqual(rules(FEW), []);
      assert.deepEqual(rules(FEW + 1), [rule]);
      assert.deepEqual(rules(FEW, [part]), [rule]);
    });
  }

  it("counts of a column the values that are there", () => {
    const rules = (rows: number) => rulesOf({ rows, missing: 3 }, { minMean: 100 });
    assert.deepEqual(rules(FEW + 3), []);
    assert.deepEqual(rules(FEW + 4), ["mean"]);
  });

  it("is asked what holds for every row", () => {
    const count = new Map([["x", 1]]);
    assert.deepEqual(rulesOf({ rows: 3, missing: 1 }, { maxMissing: 0 }), ["missing"]);
    assert.deepEqual(rulesOf({ rows: 3 }, { max: 1 }, { counts: { outside: count } }), ["range"]);
    const unique = rulesOf({ rows: 3 }, { unique: true }, { counts: { repeated: count } });
    assert.deepEqual(unique, ["unique"]);
    assert.deepEqual(rulesOf({ rows: 3 }, { type: "text" }), ["type"]);
  });
});
