import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openDataEngine, quoteText } from "../datasets/duckdb.ts";
import { readEvaluationRows } from "./evaluation-rows.ts";

describe("the rows of an evaluation", () => {
  let folder = "";
  let path = "";
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-evaluation-"));
    path = join(folder, "evaluation.parquet");
    const engine = await openDataEngine({ folders: [folder] });
    await engine.run(
      `COPY (SELECT i AS x, CASE WHEN i % 10 <> 0 THEN i % 2 END AS y FROM range(1000) AS r(i))
       TO ${quoteText(path)} (FORMAT parquet)`,
    );
    engine.close();
  });
  after(() => rmSync(folder, { recursive: true }));

  const read = (maxCells?: number) =>
    readEvaluationRows({
      path,
      config: { target: "y", task: "binary" },
      features: [{ name: "x", kind: "number" }],
      otherFeatures: [],
      slices: [],
      spillFolder: join(folder, "spill"),
      ...(maxCells !== undefined && { maxCells }),
    });

  it("are those with a truth", async () => {
    const { table, truth, unlabelled, beyondMemory } = await read();
    assert.deepEqual([table.rows, truth.length, unlabelled, beyondMemory], [900, 900, 100, 0]);
  });

  it("are the last of them where all would not fit into memory", async () => {
    const { table, truth, unlabelled, beyondMemory } = await read(200);
    assert.deepEqual([table.rows, truth.length, unlabelled, beyondMemory], [100, 100, 100, 800]);
    const x = table.columns.get("x")?.values as Float64Array;
    assert.deepEqual([x[0], x.at(-1)], [889, 999]);
    assert.ok(x.every((value, row) => truth[row] === value % 2));
  });
});
