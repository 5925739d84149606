import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type DataEngine, fromParquet, openDataEngine, quoteText } from "../datasets/duckdb.ts";
import { JobError } from "../jobs/job-error.ts";
import type { ColumnContract, DatasetConfig } from "../project/project.ts";
import { check } from "./check.ts";
import type { CheckResult, CheckSpec, Contract } from "./check-spec.ts";
import { type BatchProfile, columnNamed } from "./profile.ts";

const root = mkdtempSync(join(tmpdir(), "sluice-check-"));
let engine: DataEngine;
let files = 0;
before(async () => {
  engine = await openDataEngine({ folders: [root] });
});
after(() => {
  engine.close();
  rmSync(root, { recursive: true });
});

async function batch(select: string): Promise<string> {
  files += 1;
  const path = join(root, `batch-${files}.parquet`);
  await engine.run(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet)`);
  return path;
}

interface Ran extends CheckResult {
  readonly profile: BatchProfile;
  readonly logs: readonly string[];
  readonly points: readonly string[];
  readonly left: readonly string[];
}

async function runCheck(path: string, fields: Partial<CheckSpec> = {}): Promise<Ran> {
  files += 1;
  const folder = join(root, `job-${files}`);
  mkdirSync(folder);
  const described = await engine.rows(`DESCRIBE SELECT * FROM ${fromParquet([path])}`);
  const schema = described.map((row) => ({
    name: String(row["column_name"]),
    type: "text" as const,
  }));
  const logs: string[] = [];
  const points: string[] = [];
  const result = await check(
    {
      datasetName: "d",
      dataset: {},
      batch: { id: "b1", path, schema, isPartial: false },
      contract: null,
      acceptedPaths: [],
      partialPaths: [],
      ...fields,
    },
    {
      folder,
      runId: "run",
      env: {},
      metric: () => undefined,
      log: (message) => logs.push(message),
      pause: async (point) => {
        points.push(point);
      },
      signal: new AbortController().signal,
    },
  );
  const profile = JSON.parse(readFileSync(join(folder, result.profileFile), "utf8"));
  return { ...result, profile, logs, points, left: readdirSync(folder) };
}

function contractOf(columns: Record<string, ColumnContract>, minRows: number | null = null) {
  return { version: 1, columns, minRows } satisfies Contract;
}

async function problemsOf(select: string, column: ColumnContract, dataset: DatasetConfig = {}) {
  const ran = await runCheck(await batch(select), {
    contract: contractOf({ x: column }),
    dataset,
  });
  return ran.problems;
}

describe("the profile of a batch", () => {
  it("tells types, missing values, spread, values and times", async () => {
    const path = await batch(
      `SELECT i AS n, CASE WHEN i % 4 = 0 THEN 'NaN'::DOUBLE WHEN i = 1 THEN 'inf'::DOUBLE ELSE i / 2 END AS f,
         CASE WHEN i < 60 THEN 'aa' WHEN i < 90 THEN 'b' END AS s, i % 2 = 0 AS b, 'id' || (i // 2) || repeat('x', 3) AS u,
         TIMESTAMP '2001-01-01' + to_days(i::INTEGER) AS at, NULL::DOUBLE AS nothing, 1.5::DECIMAL(4, 2) AS price
       FROM range(100) AS r(i)`,
    );
    const { profile, rows, left, points } = await runCheck(path);
    assert.equal(rows, 100);
    assert.deepEqual([profile.schemaVersion, profile.rows], [1, 100]);
    assert.deepEqual(
      profile.columns.map(({ name, type, missing }) => [name, type, missing]),
      [
        ["n", "integer", 0],
        ["f", "number", 25],
        ["s", "text", 10],
        ["b", "boolean", 0],
        ["u", "text", 0],
        ["at", "timestamp", 0],
        ["nothing", "number", 100],
        ["price", "number", 0],
      ],
    );
    const n = columnNamed(profile, "n")?.number;
    assert.deepEqual([n?.min, n?.max, n?.mean, n?.quantiles.length], [0, 99, 49.5, 9]);
    assert.ok(Math.abs((n?.std ?? 0) - Math.sqrt(9999 / 12)) < 1e-9);
    const f = columnNamed(profile, "f")?.number;
    assert.deepEqual([f?.min, f?.max, f?.infinite], [1, 49.5, 1]);
    assert.equal(columnNamed(profile, "b")?.number?.mean, 0.5);
    assert.equal(columnNamed(profile, "nothing")?.number, null);
    assert.equal(columnNamed(profile, "nothing")?.distinct, 0);
    assert.deepEqual(columnNamed(profile, "s")?.text, {
      minLength: 1,
      maxLength: 2,
      meanLength: 150 / 90,
      values: [
        { value: "aa", count: 60 },
        { value: "b", count: 30 },
      ],
      isComplete: true,
    });
    const day = 86_400_000;
    assert.deepEqual(columnNamed(profile, "at")?.time, {
      minMs: Date.UTC(2001, 0, 1),
      maxMs: Date.UTC(2001, 0, 1) + 99 * day,
    });
    assert.deepEqual(left, ["profile.json"]);
    assert.deepEqual(points, ["checked"]);
  });

  it("lists the commonest of many texts, and none that stands once", async () => {
    const path = await batch(
      `SELECT CASE WHEN i < 200 THEN 'v' || (i % 20) ELSE 'once' || i END AS s FROM range(2000) AS r(i)`,
    );
    const text = columnNamed((await runCheck(path)).profile, "s")?.text;
    assert.equal(text?.isComplete, false);
    assert.equal(text?.values.length, 20);
    assert.deepEqual(text?.values[0], { value: "v0", count: 10 });
  });
});

describe("a batch before there is a contract", () => {
  it("passes, and the one that completes inferFrom brings the contract", async () => {
    const paths = [
      await batch("SELECT i AS x FROM range(200) AS r(i)"),
      await batch("SELECT i AS x FROM range(200) AS r(i)"),
    ];
    const dataset = { contract: { inferFrom: 2, level: "fail" as const } };
    const first = await runCheck(paths[0] ?? "", { dataset });
    assert.deepEqual([first.outcome, first.inferred], ["passed", null]);
    const second = await runCheck(paths[1] ?? "", { dataset, acceptedPaths: paths.slice(0, 1) });
    assert.deepEqual([second.outcome, second.problems], ["passed", []]);
    assert.deepEqual([second.inferred?.version, second.inferred?.minRows], [1, null]);
    assert.equal(second.inferred?.columns["x"]?.type, "integer");
  });

  it("must have the columns and types of the one before", async () => {
    const before = await batch("SELECT 1 AS a, 2 AS b, 'x' AS c, 1 AS d");
    const path = await batch("SELECT 'one' AS a, 2.5 AS b, NULL::INTEGER AS c, 3 AS e");
    const { outcome, problems, inferred } = await runCheck(path, {
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
    const path = await batch("SELECT i // 2 AS a, i % 3 AS b FROM range(8) AS r(i)");
    const wide = await runCheck(path, { dataset: { key: ["a", "b"] } });
    assert.deepEqual(wide.problems, []);
    const narrow = await runCheck(path, { dataset: { key: ["a"] } });
    assert.deepEqual(narrow.problems, [
      {
        column: "a",
        rule: "unique",
        expected: "a different in every row",
        found: "4 of 8 rows (50 %) repeat a key",
      },
    ]);
    const gone = await runCheck(path, { dataset: { key: ["a", "z"] } });
    assert.deepEqual(
      gone.problems.map(({ column, rule }) => [column, rule]),
      [["z", "columns"]],
    );
  });

  it("must have rows", async () => {
    const { outcome, problems } = await runCheck(await batch("SELECT 1 AS x, 'a' AS s LIMIT 0"));
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
    const path = await batch(`SELECT i AS y, i AS z ${rows}`);
    const contract = contractOf({ x: { type: "text" }, y: { type: "integer" } });
    const { problems } = await runCheck(path, { contract });
    assert.deepEqual(
      problems.map(({ column, rule }) => [column, rule]),
      [
        ["x", "columns"],
        ["z", "columns"],
      ],
    );
    const columns = { z: { type: null }, w: { type: null } };
    const dataset = { contract: { inferFrom: 3, level: "fail" as const, columns } };
    const taken = await runCheck(path, {
      dataset,
      contract: contractOf({ y: { type: "integer" } }),
    });
    assert.deepEqual(taken.problems, []);
  });

  it("finds too few rows, by the contract before the history", async () => {
    const many = await batch("SELECT i AS x FROM range(500) AS r(i)");
    const path = await batch(`SELECT i AS x ${rows}`);
    const acceptedPaths = [many, many, many];
    const x: ColumnContract = { type: "integer" };
    const byHistory = await runCheck(path, { contract: contractOf({ x }), acceptedPaths });
    assert.match(byHistory.problems[0]?.expected ?? "", /^at least 50 rows, by the accepted/);
    const low = await runCheck(path, { contract: contractOf({ x }, 10), acceptedPaths });
    assert.deepEqual(low.problems, []);
    const high = await runCheck(path, { contract: contractOf({ x }, 11), acceptedPaths });
    assert.deepEqual(high.problems[0]?.expected, "at least 11 rows");
  });

  it("judges the rows of whole answers by those of whole answers", async () => {
    const many = await batch("SELECT i AS x FROM range(500) AS r(i)");
    const path = await batch(`SELECT i AS x ${rows}`);
    const contract = contractOf({ x: { type: "integer" } }, null);
    const acceptedPaths = [many, many, many];
    const cut = await runCheck(path, { contract, acceptedPaths, partialPaths: [many] });
    assert.deepEqual(cut.problems, []);
    const piece = { id: "b1", path, schema: [{ name: "x", type: "integer" as const }] };
    const rest = { batch: { ...piece, isPartial: true }, acceptedPaths };
    assert.deepEqual((await runCheck(path, { contract, ...rest })).problems, []);
    const bound = contractOf({ x: { type: "integer" } }, 11);
    assert.deepEqual((await runCheck(path, { contract: bound, ...rest })).problems, []);
  });

  it("counts rows whose key landed before, and lets them in", async () => {
    const dataset: DatasetConfig = { key: ["id", "part"] };
    const before = [
      await batch("SELECT i AS id, 'a' AS part, i AS x FROM range(10) AS r(i)"),
      await batch("SELECT i::DOUBLE AS id, 'b' AS part FROM range(3) AS r(i)"),
    ];
    const contract = contractOf({
      id: { type: "integer" },
      part: { type: "text" },
      x: { type: "integer" },
    });
    const path = await batch(
      `SELECT * FROM (VALUES (1, 'a', 7), (9, 'a', 7), (10, 'a', 7), (NULL, 'a', 7)) AS t(id, part, x)`,
    );
    const ran = await runCheck(path, { dataset, contract, acceptedPaths: before.slice(0, 1) });
    assert.deepEqual([ran.outcome, ran.updatedRows], ["passed", 2]);
    assert.deepEqual(ran.logs, ["2 of 4 rows have the key of a row that landed before"]);
    const again = await runCheck(before[0] ?? "", { dataset, contract, acceptedPaths: before });
    assert.deepEqual([again.outcome, again.updatedRows], ["passed", 10]);
    const other = await runCheck(before[0] ?? "", { contract, acceptedPaths: before });
    assert.equal(other.updatedRows, 0);
    const keyless = await batch("SELECT 1 AS x");
    const none = await runCheck(path, { dataset, contract, acceptedPaths: [keyless] });
    assert.equal(none.updatedRows, 0);
  });

  it("lets a batch in with its problems at level warn, and logs them", async () => {
    const ran = await runCheck(await batch(`SELECT i AS x ${rows}`), {
      dataset: { contract: { inferFrom: 3, level: "warn" } },
      contract: contractOf({ x: { type: "integer", max: 3 } }),
    });
    assert.deepEqual([ran.outcome, ran.problems.length, ran.inferred], ["passed", 1, null]);
    assert.deepEqual(ran.logs, [
      "x: range: expected every value at most 3; found 6 of 10 rows (60 %) are outside; from 0 to 9",
    ]);
  });

  it("is refused as a job when its description is another file's", async () => {
    const path = await batch(`SELECT i AS x ${rows}`);
    const schema = [{ name: "y", type: "text" as const }];
    const spec = { batch: { id: "b7", path, schema, isPartial: false } };
    await assert.rejects(
      runCheck(path, spec),
      (error) =>
        error instanceof JobError &&
        /batch b7: its schema has the columns y; its file has x/.test(error.message),
    );
  });
});
