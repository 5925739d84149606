import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { JobError } from "../jobs/job-error.ts";
import type { ColumnContract, DatasetConfig } from "../project/project.ts";
import type { Contract } from "./check-spec.ts";
import { CheckBench } from "./testing/check-bench.ts";

const bench = new CheckBench();
after(() => bench.close());

function contractOf(columns: Record<string, ColumnContract>, minRows: number | null = null) {
  return { version: 1, columns, minRows } satisfies Contract;
}

async function problemsOf(select: string, column: ColumnContract, dataset: DatasetConfig = {}) {
  const ran = await bench.check(await bench.batch(select), {
    contract: contractOf({ x: column }),
    dataset,
  });
  return ran.problems;
}

describe("a batch before there is a contract", () => {
  it("passes, and the one that completes inferFrom brings the contract", async () => {
    const paths = [
      await bench.batch("SELECT i AS x FROM range(200) AS r(i)"),
      await bench.batch("SELECT i AS x FROM range(200) AS r(i)"),
    ];
    const dataset = { contract: { inferFrom: 2, level: "fail" as const } };
    const first = await bench.check(paths[0] ?? "", { dataset });
    assert.deepEqual([first.outcome, first.inferred], ["passed", null]);
    const second = await bench.check(paths[1] ?? "", { dataset, acceptedPaths: paths.slice(0, 1) });
    assert.deepEqual([second.outcome, second.problems], ["passed", []]);
    assert.deepEqual([second.inferred?.version, second.inferred?.minRows], [1, null]);
    assert.equal(second.inferred?.columns["x"]?.type, "integer");
  });

  it("must have the columns and types of the one before", async () => {
    const before = await bench.batch("SELECT 1 AS a, 2 AS b, 'x' AS c, 1 AS d");
    const path = await bench.batch("SELECT 'one' AS a, 2.5 AS b, NULL::INTEGER AS c, 3 AS e");
    const { outcome, problems, inferred } = await bench.check(path, {
      acceptedPaths: [before],
      dataset: { contract: { inferFrom: 1, level: "fail" } },
    });
    assert.deepEqual([outcome, inferred], ["failed", null]);
    assert.deepEqual(problems, [
      { column: "d", rule: "columns", expected: "a column of integer", found: "no such column" },
      { column: "e", rule: "columns", expected: "no such column", found: "a column of integer" },
      { column: "a", rule: "type", expected: "integer", found: "text" },
    ]);
  });

  it("must have its key, in every row another", async () => {
    const path = await bench.batch("SELECT i // 2 AS a, i % 3 AS b FROM range(8) AS r(i)");
    const wide = await bench.check(path, { dataset: { key: ["a", "b"] } });
    assert.deepEqual(wide.problems, []);
    const narrow = await bench.check(path, { dataset: { key: ["a"] } });
    assert.deepEqual(narrow.problems, [
      {
        column: "a",
        rule: "unique",
        expected: "a different in every row",
        found: "4 of 8 rows (50 %) repeat a key",
      },
    ]);
    const gone = await bench.check(path, { dataset: { key: ["a", "z"] } });
    assert.deepEqual(
      gone.problems.map(({ column, rule }) => [column, rule]),
      [["z", "columns"]],
    );
  });

  it("must have rows", async () => {
    const { outcome, problems } = await bench.check(
      await bench.batch("SELECT 1 AS x, 'a' AS s LIMIT 0"),
    );
    assert.equal(outcome, "failed");
    assert.deepEqual(
      problems.map(({ rule, found }) => [rule, found]),
      [["rows", "0 rows"]],
    );
  });
});

describe("a batch against its contract", () => {
  const rows = "FROM range(10) AS r(i)";
  /** Enough for means and shares: the same four times. */
  const manyRows = "FROM (SELECT i % 10 AS i FROM range(40) AS r(i))";

  it("passes when it keeps it, and the profile is not judged twice", async () => {
    const column: ColumnContract = {
      type: "integer",
      maxMissing: 0,
      min: 0,
      max: 9,
      minMean: 4.5,
      maxMean: 4.5,
      unique: true,
    };
    assert.deepEqual(await problemsOf(`SELECT i AS x ${rows}`, column), []);
  });

  it("finds what is missing, NaN too", async () => {
    const [problem] = await problemsOf(
      `SELECT CASE WHEN i < 2 THEN NULL WHEN i < 4 THEN 'NaN'::DOUBLE ELSE i END AS x ${manyRows}`,
      { type: "number", maxMissing: 0.3 },
    );
    assert.deepEqual(problem, {
      column: "x",
      rule: "missing",
      expected: "at most 30 % missing",
      found: "16 of 40 rows (40 %) are missing",
    });
  });

  it("finds values outside, infinite ones too, and counts them", async () => {
    const found = await problemsOf(
      `SELECT CASE WHEN i = 0 THEN 'inf'::DOUBLE WHEN i = 1 THEN 'NaN'::DOUBLE ELSE i END AS x ${rows}`,
      { type: "number", min: 3 },
    );
    assert.deepEqual(found, [
      {
        column: "x",
        rule: "range",
        expected: "every value at least 3",
        found: "2 of 10 rows (20 %) are outside; from 2 to 9",
      },
    ]);
  });

  it("finds a mean that left its bounds", async () => {
    const column: ColumnContract = { type: "integer", maxMean: 40 };
    const found = await problemsOf(`SELECT i * 10 AS x ${manyRows}`, column);
    assert.deepEqual(found, [
      { column: "x", rule: "mean", expected: "mean at most 40", found: "mean 45" },
    ]);
  });

  it("finds values that nobody knows, without saying them", async () => {
    const select = `SELECT CASE WHEN i < 4 THEN 'secret' || i WHEN i = 9 THEN NULL ELSE 'it''s' END AS x ${manyRows}`;
    const contract: ColumnContract = { type: "text", values: ["it's", "a\0b"], maxUnknown: 0.1 };
    assert.deepEqual(await problemsOf(select, contract), [
      {
        column: "x",
        rule: "values",
        expected: "at most 10 % beside the 2 known values",
        found: "16 of 36 rows (44.4 %) hold 4 other values",
      },
    ]);
    assert.deepEqual(await problemsOf(select, { ...contract, maxUnknown: 0.5 }), []);
    assert.equal((await problemsOf(select, { type: "text", values: [] })).length, 1);
  });

  it("asks no share of a few rows, unless the project does", async () => {
    const half = `SELECT CASE WHEN i % 2 = 0 THEN i END AS x ${rows}`;
    const column: ColumnContract = { type: "integer", maxMissing: 0.05 };
    assert.deepEqual(await problemsOf(half, column), []);
    const columns = { x: { maxMissing: 0.05 } };
    const dataset = { contract: { inferFrom: 3, level: "fail" as const, columns } };
    assert.equal((await problemsOf(half, column, dataset)).length, 1);
  });

  it("finds repeated values, also of the key, and a project may lift that", async () => {
    const select = `SELECT i // 2 AS x ${rows}`;
    const found = await problemsOf(select, { type: "integer", unique: true }, { key: ["x"] });
    assert.deepEqual(
      found.map(({ rule, found: text }) => [rule, text]),
      [["unique", "5 of 10 rows (50 %) repeat a value"]],
    );
    assert.deepEqual(await problemsOf(select, { type: "integer" }, { key: ["x"] }), []);
  });

  it("finds another type, and takes whole numbers for integers", async () => {
    const found = await problemsOf(`SELECT 'x' || i AS x ${rows}`, { type: "integer", max: 3 });
    assert.deepEqual(found, [{ column: "x", rule: "type", expected: "integer", found: "text" }]);
    const whole = `SELECT CASE WHEN i = 0 THEN NULL ELSE i::DOUBLE END AS x ${rows}`;
    assert.deepEqual(await problemsOf(whole, { type: "integer" }), []);
    const [halves] = await problemsOf(`SELECT i / 2 AS x ${rows}`, { type: "integer" });
    assert.equal(halves?.found, "number: 5 of 10 rows (50 %) are not whole");
    assert.deepEqual(await problemsOf(`SELECT i AS x ${rows}`, { type: "number" }), []);
    assert.deepEqual(await problemsOf(`SELECT NULL::INTEGER AS x ${rows}`, { type: "text" }), []);
  });

  it("finds columns too few and too many, but for those taken out of the contract", async () => {
    const path = await bench.batch(`SELECT i AS y, i AS z ${rows}`);
    const contract = contractOf({ x: { type: "text" }, y: { type: "integer" } });
    const { problems } = await bench.check(path, { contract });
    assert.deepEqual(
      problems.map(({ column, rule }) => [column, rule]),
      [
        ["x", "columns"],
        ["z", "columns"],
      ],
    );
    const columns = { z: { type: null }, w: { type: null } };
    const dataset = { contract: { inferFrom: 3, level: "fail" as const, columns } };
    const taken = await bench.check(path, {
      dataset,
      contract: contractOf({ y: { type: "integer" } }),
    });
    assert.deepEqual(taken.problems, []);
  });

  it("finds too few rows, by the contract before the history", async () => {
    const many = await bench.batch("SELECT i AS x FROM range(500) AS r(i)");
    const path = await bench.batch(`SELECT i AS x ${rows}`);
    const acceptedPaths = [many, many, many];
    const x: ColumnContract = { type: "integer" };
    const byHistory = await bench.check(path, { contract: contractOf({ x }), acceptedPaths });
    assert.match(byHistory.problems[0]?.expected ?? "", /^at least 50 rows, by the accepted/);
    const low = await bench.check(path, { contract: contractOf({ x }, 10), acceptedPaths });
    assert.deepEqual(low.problems, []);
    const high = await bench.check(path, { contract: contractOf({ x }, 11), acceptedPaths });
    assert.deepEqual(high.problems[0]?.expected, "at least 11 rows");
  });

  it("judges the rows of whole answers by those of whole answers", async () => {
    const many = await bench.batch("SELECT i AS x FROM range(500) AS r(i)");
    const path = await bench.batch(`SELECT i AS x ${rows}`);
    const contract = contractOf({ x: { type: "integer" } }, null);
    const acceptedPaths = [many, many, many];
    const cut = await bench.check(path, { contract, acceptedPaths, partialPaths: [many] });
    assert.deepEqual(cut.problems, []);
    const piece = { id: "b1", path, schema: [{ name: "x", type: "integer" as const }] };
    const rest = { batch: { ...piece, isPartial: true }, acceptedPaths };
    assert.deepEqual((await bench.check(path, { contract, ...rest })).problems, []);
    const bound = contractOf({ x: { type: "integer" } }, 11);
    assert.deepEqual((await bench.check(path, { contract: bound, ...rest })).problems, []);
  });

  it("counts rows whose key landed before, and lets them in", async () => {
    const dataset: DatasetConfig = { key: ["id", "part"] };
    const before = [
      await bench.batch("SELECT i AS id, 'a' AS part, i AS x FROM range(10) AS r(i)"),
      await bench.batch("SELECT i::DOUBLE AS id, 'b' AS part FROM range(3) AS r(i)"),
    ];
    const contract = contractOf({
      id: { type: "integer" },
      part: { type: "text" },
      x: { type: "integer" },
    });
    const path = await bench.batch(
      `SELECT * FROM (VALUES (1, 'a', 7), (9, 'a', 7), (10, 'a', 7), (NULL, 'a', 7)) AS t(id, part, x)`,
    );
    const ran = await bench.check(path, { dataset, contract, acceptedPaths: before.slice(0, 1) });
    assert.deepEqual([ran.outcome, ran.updatedRows], ["passed", 2]);
    assert.deepEqual(ran.logs, ["2 of 4 rows have the key of a row that landed before"]);
    const again = await bench.check(before[0] ?? "", { dataset, contract, acceptedPaths: before });
    assert.deepEqual([again.outcome, again.updatedRows], ["passed", 10]);
    const other = await bench.check(before[0] ?? "", { contract, acceptedPaths: before });
    assert.equal(other.updatedRows, 0);
    const keyless = await bench.batch("SELECT 1 AS x");
    const none = await bench.check(path, { dataset, contract, acceptedPaths: [keyless] });
    assert.equal(none.updatedRows, 0);
  });

  it("lets a batch in with its problems at level warn, and logs them", async () => {
    const ran = await bench.check(await bench.batch(`SELECT i AS x ${rows}`), {
      dataset: { contract: { inferFrom: 3, level: "warn" } },
      contract: contractOf({ x: { type: "integer", max: 3 } }),
    });
    assert.deepEqual([ran.outcome, ran.problems.length, ran.inferred], ["passed", 1, null]);
    assert.deepEqual(ran.logs, [
      "x: range: expected every value at most 3; found 6 of 10 rows (60 %) are outside; from 0 to 9",
    ]);
  });

  it("is refused as a job when its description is another file's", async () => {
    const path = await bench.batch(`SELECT i AS x ${rows}`);
    const schema = [{ name: "y", type: "text" as const }];
    const spec = { batch: { id: "b7", path, schema, isPartial: false } };
    await assert.rejects(
      bench.check(path, spec),
      (error) =>
        error instanceof JobError &&
        /batch b7: its schema has the columns y; its file has x/.test(error.message),
    );
  });
});
