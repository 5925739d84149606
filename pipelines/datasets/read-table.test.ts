import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { NumberColumn, TextColumn } from "./column.ts";
import { type DataEngine, fromParquet, openDataEngine, quoteText } from "./duckdb.ts";
import { readTable, readTables } from "./read-table.ts";

describe("the data engine", () => {
  let folder = "";
  let engine: DataEngine;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-duckdb-"));
    engine = await openDataEngine({ folders: [folder] });
  });
  after(() => {
    engine.close();
    rmSync(folder, { recursive: true });
  });

  it("reads numbers, times and texts out of Parquet, missing ones too", async () => {
    const path = join(folder, "a.parquet");
    await engine.run(
      `COPY (SELECT * FROM (VALUES (1, 'x', TIMESTAMP '1970-01-01 00:00:01', true), (NULL, NULL, NULL, false)) AS t(n, s, "at", b))
       TO ${quoteText(path)} (FORMAT parquet)`,
    );
    const table = await readTable(engine, fromParquet([path]), [
      { name: "n", type: "integer" },
      { name: "s", type: "text" },
      { name: "at", type: "timestamp" },
      { name: "b", type: "boolean" },
    ]);
    assert.equal(table.rows, 2);
    assert.deepEqual(table.columns.get("n")?.values, Float64Array.of(1, Number.NaN));
    assert.deepEqual(table.columns.get("s")?.values, ["x", null]);
    assert.deepEqual(table.columns.get("at")?.values, Float64Array.of(1000, Number.NaN));
    assert.deepEqual(table.columns.get("b")?.values, Float64Array.of(1, 0));
  });

  it("keeps the order and the count of many chunks", async () => {
    const table = await readTable(engine, "range(10000) AS r(i)", [{ name: "i", type: "integer" }]);
    assert.equal(table.rows, 10_000);
    assert.equal(table.columns.get("i")?.values[9999], 9999);
  });

  it("gives a table without rows its columns, of the right kind", async () => {
    const table = await readTable(engine, "range(0) AS r(i)", [
      { name: "i", type: "integer" },
      { name: "i", type: "text" },
    ]);
    assert.equal(table.rows, 0);
    assert.deepEqual(table.columns.get("i"), { kind: "text", values: [] });
  });

  it("reads in pieces, each row once and in order", async () => {
    const path = join(folder, "pieces.parquet");
    await engine.run(
      `COPY (SELECT i, 'row ' || i AS s FROM range(10000) AS r(i)) TO ${quoteText(path)} (FORMAT parquet)`,
    );
    const sizes: number[] = [];
    const numbers: number[] = [];
    const texts: (string | null)[] = [];
    const schema = [
      { name: "i", type: "integer" },
      { name: "s", type: "text" },
    ] as const;
    for await (const piece of readTables(engine, fromParquet([path]), schema, 3000)) {
      sizes.push(piece.rows);
      numbers.push(...(piece.columns.get("i") as NumberColumn).values);
      texts.push(...(piece.columns.get("s") as TextColumn).values);
    }
    assert.ok(sizes.length === 3 && Math.max(...sizes) < 6000, String(sizes));
    assert.deepEqual(
      numbers,
      Array.from({ length: 10_000 }, (_, i) => i),
    );
    assert.deepEqual(
      texts,
      numbers.map((i) => `row ${i}`),
    );
  });

  it("can be used again when a reader stopped half-way", async () => {
    for await (const piece of readTables(
      engine,
      "range(100000) AS r(i)",
      [{ name: "i", type: "integer" }],
      10,
    )) {
      assert.ok(piece.rows >= 10);
      break;
    }
    assert.equal((await engine.rows("SELECT 1 AS one")).length, 1);
  });

  it("touches nothing outside its folders, whatever the SQL says", async () => {
    for (const sql of [
      "SELECT * FROM read_text('/etc/hostname')",
      "COPY (SELECT 1) TO '/tmp/sluice-escape.csv'",
      "ATTACH '/tmp/sluice-escape.db'",
      "SET enable_external_access = true",
      "INSTALL httpfs",
    ]) {
      await assert.rejects(
        engine.run(sql),
        /Permission|Configuration|disabled|locked|Cannot/i,
        sql,
      );
    }
  });
});
