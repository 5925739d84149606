import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type DataEngine, fromParquet, openDataEngine, quoteText } from "../datasets/duckdb.ts";
import type { DatasetConfig } from "../project/project.ts";
import { check } from "./check.ts";
import type { CheckResult, Contract } from "./check-spec.ts";
import { effectiveContract } from "./merge-overrides.ts";

/** Real flights (US, January 2001), 1500 a day: the first three days make the contract. */
const DAYS = 15;
const ROWS_A_DAY = 1500;
const CHECKED_BEFORE = 3;
const dataset: DatasetConfig = { time: "date", key: ["id"] };

const vega = dirname(dirname(fileURLToPath(import.meta.resolve("vega-datasets"))));

/** Unattended means: each of these is found at once, in the first batch that has it. */
const FAULTS: Readonly<Record<string, { select: string; finds: readonly string[] }>> = {
  "kilometres for miles": {
    select: "* REPLACE (round(distance * 1.609344)::BIGINT AS distance)",
    finds: ["distance mean"],
  },
  "kilometres with decimals": {
    select: "* REPLACE (distance * 1.609344 AS distance)",
    finds: ["distance type"],
  },
  "30 % of a number missing": {
    select: "* REPLACE (CASE WHEN hash(id) % 10 < 3 THEN NULL ELSE distance END AS distance)",
    finds: ["distance missing"],
  },
  "30 % of a text missing": {
    select: "* REPLACE (CASE WHEN hash(id) % 10 < 3 THEN NULL ELSE origin END AS origin)",
    finds: ["origin missing"],
  },
  "categories in lower case": {
    select: "* REPLACE (lower(origin) AS origin)",
    finds: ["origin values"],
  },
  "new codes in 30 % of the rows": {
    select: "* REPLACE (CASE WHEN hash(id) % 10 < 3 THEN 'K' || origin ELSE origin END AS origin)",
    finds: ["origin values"],
  },
  "negative distances in a few rows": {
    select: "* REPLACE (CASE WHEN hash(id) % 500 = 0 THEN -distance ELSE distance END AS distance)",
    finds: ["distance range"],
  },
  "a sentinel for a missing delay": {
    select: "* REPLACE (CASE WHEN hash(id) % 300 = 0 THEN 99999 ELSE delay END AS delay)",
    finds: ["delay range", "delay mean"],
  },
  "keys twice": { select: "* REPLACE (id // 2 AS id)", finds: ["id unique"] },
  "a number as text": {
    select: "* REPLACE (CAST(distance AS VARCHAR) AS distance)",
    finds: ["distance type"],
  },
  "a column gone": { select: "* EXCLUDE (distance)", finds: ["distance columns"] },
  "a column more": { select: "*, 1 AS extra", finds: ["extra columns"] },
};

describe("real days of flights", () => {
  const root = mkdtempSync(join(tmpdir(), "sluice-flights-"));
  const paths: string[] = [];
  let engine: DataEngine;
  let contract: Contract;
  let jobs = 0;

  async function runCheck(
    path: string,
    acceptedPaths: readonly string[],
    given: Contract | null,
  ): Promise<CheckResult> {
    jobs += 1;
    const folder = join(root, `job-${jobs}`);
    mkdirSync(folder);
    const described = await engine.rows(`DESCRIBE SELECT * FROM ${fromParquet([path])}`);
    const schema = described.map((row) => ({
      name: String(row["column_name"]),
      type: "text" as const,
    }));
    const spec = {
      datasetName: "flights",
      dataset,
      batch: { id: path, path, schema, isPartial: false },
      contract: given,
      acceptedPaths,
      partialPaths: [],
    };
    return check(spec, {
      folder,
      runId: "run",
      env: {},
      metric: () => undefined,
      log: () => undefined,
      pause: async () => undefined,
      signal: new AbortController().signal,
    });
  }

  before(async () => {
    engine = await openDataEngine({ folders: [root, join(vega, "data")] });
    await engine.run(
      `CREATE TABLE flights AS SELECT row_number() OVER () AS id, * FROM ${fromParquet([
        join(vega, "data", "flights-3m.parquet"),
      ])} WHERE date < TIMESTAMP '2001-01-01' + to_days(${DAYS})`,
    );
    for (let day = 0; day < DAYS; day += 1) {
      const path = join(root, `day-${String(day).padStart(2, "0")}.parquet`);
      await engine.run(
        `COPY (SELECT * FROM flights WHERE date::DATE = DATE '2001-01-01' + ${day}
               ORDER BY hash(id) LIMIT ${ROWS_A_DAY}) TO ${quoteText(path)} (FORMAT parquet)`,
      );
      paths.push(path);
    }
    const results: CheckResult[] = [];
    for (const [day, path] of paths.slice(0, CHECKED_BEFORE).entries()) {
      results.push(await runCheck(path, paths.slice(0, day), null));
    }
    assert.deepEqual(
      results.map(({ outcome, inferred }) => [outcome, inferred?.version ?? null]),
      [
        ["passed", null],
        ["passed", null],
        ["passed", 1],
      ],
    );
    const inferred = results[CHECKED_BEFORE - 1]?.inferred;
    assert.ok(inferred);
    contract = effectiveContract(inferred, dataset, inferred.version);
  });

  after(() => {
    engine.close();
    rmSync(root, { recursive: true });
  });

  it("lets every quiet day in", async () => {
    for (let day = CHECKED_BEFORE; day < DAYS; day += 1) {
      const path = paths[day] ?? "";
      const { problems, outcome } = await runCheck(path, paths.slice(0, day), contract);
      assert.deepEqual({ day, outcome, problems }, { day, outcome: "passed", problems: [] });
    }
  });

  for (const [fault, { select, finds }] of Object.entries(FAULTS)) {
    it(`finds ${fault}`, async () => {
      const path = join(root, "fault.parquet");
      await engine.run(
        `COPY (SELECT ${select} FROM ${fromParquet([paths[9] ?? ""])}) TO ${quoteText(path)} (FORMAT parquet)`,
      );
      const { outcome, problems } = await runCheck(path, paths.slice(0, 9), contract);
      assert.equal(outcome, "failed");
      assert.deepEqual(
        problems.map(({ column, rule }) => `${column} ${rule}`),
        finds,
      );
    });
  }

  it("finds a batch of almost nothing, by the history of counts", async () => {
    const path = join(root, "tiny.parquet");
    await engine.run(
      `COPY (SELECT * FROM ${fromParquet([paths[9] ?? ""])} LIMIT 20) TO ${quoteText(path)} (FORMAT parquet)`,
    );
    const { outcome, problems } = await runCheck(path, paths.slice(0, 9), contract);
    assert.equal(outcome, "failed");
    assert.deepEqual(problems[0], {
      column: null,
      rule: "rows",
      expected: "at least 150 rows, by the accepted batches before",
      found: "20 rows",
    });
  });
});
