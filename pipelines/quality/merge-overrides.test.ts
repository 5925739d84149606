import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { JobError } from "../jobs/job-error.ts";
import type { DatasetConfig } from "../project/project.ts";
import type { Contract } from "./check-spec.ts";
import { effectiveContract, uncheckedColumns } from "./merge-overrides.ts";

const inferred: Contract = {
  version: 1,
  columns: {
    distance: { type: "integer", maxMissing: 0.05, min: 0, max: 100 },
    origin: { type: "text", values: ["BOS"], maxUnknown: 0.1 },
  },
  minRows: null,
};

function configured(
  columns: Record<string, Record<string, unknown>>,
  minRows?: number,
): DatasetConfig {
  const contract = { inferFrom: 3, level: "fail" as const, columns };
  return { contract: minRows === undefined ? contract : { ...contract, minRows } };
}

describe("the project's overrides of a contract", () => {
  it("leave what they do not name, take the place of what they name, and null lifts", () => {
    const dataset = configured({ distance: { max: 5000, min: null } }, 10);
    assert.deepEqual(effectiveContract(inferred, dataset, 4), {
      version: 4,
      columns: {
        distance: { type: "integer", maxMissing: 0.05, max: 5000 },
        origin: { type: "text", values: ["BOS"], maxUnknown: 0.1 },
      },
      minRows: 10,
    });
    assert.deepEqual(effectiveContract(inferred, {}, 1), inferred);
  });

  it("add a column, and take one out", () => {
    const dataset = configured({ carrier: { type: "text", unique: true }, origin: { type: null } });
    const { columns } = effectiveContract(inferred, dataset, 2);
    assert.deepEqual(Object.keys(columns), ["distance", "carrier"]);
    assert.deepEqual(columns["carrier"], { type: "text", unique: true });
    assert.deepEqual([...uncheckedColumns(dataset)], ["origin"]);
  });

  for (const [what, columns, message] of [
    [
      "an unknown part",
      { distance: { maximum: 3 } },
      /'distance': 'maximum' is no part of it; expected one of type, maxMissing/,
    ],
    ["a part of the wrong form", { distance: { max: "3" } }, /'distance': 'max': Expected number/],
    ["a share above 1", { distance: { maxMissing: 2 } }, /'maxMissing'/],
    ["a new column without a type", { carrier: { unique: true } }, /'carrier': 'type'/],
    ["bounds that cross", { distance: { min: 500 } }, /'min' 500 is above 'max' 100/],
    ["an unknown type", { distance: { type: "float" } }, /'type'/],
  ] as const) {
    it(`refuse ${what}`, () => {
      assert.throws(
        () => effectiveContract(inferred, configured(columns), 2),
        (error) => error instanceof JobError && message.test(error.message),
      );
    });
  }
});
