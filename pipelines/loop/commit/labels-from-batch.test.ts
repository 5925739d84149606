import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { ColumnSchema } from "../../datasets/column.ts";
import { fromParquet, openDataEngine, quoteText } from "../../datasets/duckdb.ts";
import type { Project } from "../../project/project.ts";
import { homePaths } from "../home.ts";
import { makeBatch } from "../testing/make-snapshot.ts";
import { loadedProject, openStoreHome, type StoreHome } from "../testing/store-kit.ts";
import { addLabels } from "./labels-from-batch.ts";

const FEED = {
  dataset: "outcomes",
  model: "delay",
  inferenceId: "Id",
  row: "n",
  label: "was_late",
};
const COLUMNS: readonly ColumnSchema[] = [
  { name: "id", type: "text" },
  { name: "n", type: "text" },
  { name: "was_late", type: "text" },
];

describe("labels of a batch", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  /** Returns [inference id, row, label] of what was taken. */
  async function take(
    rows: string,
    feed: Project["labels"][string] = FEED,
    schema = COLUMNS,
  ): Promise<unknown[][]> {
    const path = homePaths.batch(at.home, "outcomes", "b");
    mkdirSync(dirname(path), { recursive: true });
    const engine = await openDataEngine({ folders: [at.home] });
    try {
      await engine.run(
        `COPY (SELECT * FROM (VALUES ${rows}) AS t(${schema.map(({ name }) => name).join(", ")}))
         TO ${quoteText(path)} (FORMAT parquet)`,
      );
      const batch = makeBatch("b", {
        dataset: "outcomes",
        path,
        schema_json: JSON.stringify(schema),
      });
      const context = { project: loadedProject(), home: at.home, nowMs: 7 };
      await at.store.transaction().execute((tx) => addLabels({ ...context, tx }, batch, "l", feed));
      const [file] = await at.store.selectFrom("label_files").selectAll().execute();
      if (file === undefined) return [];
      const told = await engine.rows(
        `SELECT inference_id, CAST("row" AS INTEGER) AS r, label FROM ${fromParquet([file.path])}`,
      );
      assert.equal(file.rows, told.length);
      return told.map((row) => [row["inference_id"], row["r"], row["label"]]);
    } finally {
      engine.close();
    }
  }

  const unreadable = async () => {
    const event = await at.store
      .selectFrom("events")
      .select("details_json")
      .where("type", "=", "labels.unreadable")
      .executeTakeFirst();
    return event?.details_json ?? null;
  };

  it("are taken where they can be read; the others are counted, without their values", async () => {
    const rows = `('a', '0', 'true'), ('b', 'p-secret-1', 'true'), ('c', '1.5', 'x'), ('d', '-1', 'x'),
      ('e', '2.0', 'false'), ('f', NULL, 'x'), (NULL, '1', 'x'), ('g', '1', NULL)`;
    assert.deepEqual(await take(rows), [
      ["a", 0, "true"],
      ["e", 2, "false"],
    ]);
    const told = (await unreadable()) ?? "";
    assert.equal(JSON.parse(told).rows, 4);
    assert.doesNotMatch(told, /secret/);
  });

  it("may stand in columns of any type", async () => {
    const { row: _, ...feed } = FEED;
    assert.deepEqual(await take("(1, 2, true)", feed), [["1", 0, "true"]]);
    assert.equal(await unreadable(), null);
  });

  for (const type of ["TIMESTAMP '2026-01-01'", "true", "1e300", "'NaN'::DOUBLE"]) {
    it(`have no row number in ${type}`, async () => {
      assert.deepEqual(await take(`('a', ${type}, 'x')`), []);
      assert.equal(JSON.parse((await unreadable()) ?? "").rows, 1);
    });
  }

  it("are none where a column is missing: an event says which", async () => {
    assert.deepEqual(await take("('a', 1)", FEED, COLUMNS.slice(0, 2)), []);
    assert.deepEqual(JSON.parse((await unreadable()) ?? "").missingColumns, ["was_late"]);
  });
});
