import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import {
  createJobFixture,
  type JobFixture,
  numbers,
  put,
  tableOf,
  texts,
  writeParquet,
} from "../compile/testing/job-fixture.ts";
import { featuresOf, randomRows, randomTrees } from "../compile/testing/random-trees.ts";
import { buildTreeGraph } from "../compile/tree-graph.ts";
import type { DataFile } from "../datasets/dataset-version.ts";
import { fromParquet, openDataEngine } from "../datasets/duckdb.ts";
import { predict } from "../train/predict.ts";
import { score } from "./score.ts";
import type { ScoreSpec } from "./score-spec.ts";

const MODEL = randomTrees({
  task: "regression",
  seed: 21,
  trees: 8,
  maxLeaves: 9,
  features: [null, ["a", "b"]],
});
/** More than are in memory at once, so that order across pieces counts. */
const ROWS = 17_000;

describe("score", () => {
  let job: JobFixture;
  let files: JobFixture;
  beforeEach(() => {
    job = createJobFixture();
    files = createJobFixture();
  });
  afterEach(() => {
    job.remove();
    files.remove();
  });

  const fileOf = async (batchId: string, seed: number): Promise<DataFile> => {
    const path = join(files.folder, `${batchId}.parquet`);
    const table = randomRows(MODEL, ROWS, seed);
    const key = numbers(Array.from({ length: ROWS }, (_, row) => seed * 100_000 + row));
    const note = texts(Array.from({ length: ROWS }, (_, row) => (row % 2 === 0 ? null : "odd")));
    const columns = new Map(table.columns).set("key", key).set("note", note);
    await writeParquet(path, { rows: ROWS, columns });
    return { path, sha256: "", bytes: 0, rows: ROWS, batchId };
  };
  const specOf = async (changes: Partial<ScoreSpec> = {}): Promise<ScoreSpec> => ({
    model: "price's model",
    version: 7,
    task: "regression",
    features: featuresOf(MODEL),
    modelPath: put(files.folder, "model.onnx", buildTreeGraph(MODEL)),
    files: [await fileOf("second", 2), await fileOf("first", 1)],
    keep: ["key", "note"],
    ...changes,
  });
  const read = async (file: string) => {
    const engine = await openDataEngine({ folders: [job.folder] });
    try {
      return await engine.rows(`SELECT *, typeof(scored_at) AS type FROM ${fromParquet([file])}`);
    } finally {
      engine.close();
    }
  };

  it("writes a prediction for every row, beside what was kept", async () => {
    const { batch } = await score(await specOf(), job.context);
    assert.equal(batch.rows, 2 * ROWS);
    const path = join(job.folder, batch.file);
    const bytes = readFileSync(path);
    assert.equal(batch.bytes, bytes.byteLength);
    assert.equal(batch.sha256, createHash("sha256").update(bytes).digest("hex"));
    const rows = await read(path);
    const names = ["key", "note", "row_id", "prediction", "model", "model_version", "scored_at"];
    assert.deepEqual(Object.keys(rows[0] ?? {}), [...names, "type"]);
    assert.deepEqual(
      batch.schema.map(({ name, type }) => `${name} ${type}`),
      [
        "key number",
        "note text",
        "row_id text",
        "prediction number",
        "model text",
        "model_version integer",
        "scored_at timestamp",
      ],
    );
    const wanted = [2, 1].flatMap((seed) => [...predict(MODEL, randomRows(MODEL, ROWS, seed))]);
    assert.deepEqual(
      rows.map((row) => row["prediction"]),
      wanted,
    );
    assert.deepEqual(
      rows.map((row) => [row["key"], row["row_id"]]),
      ["second", "first"].flatMap((id, file) =>
        Array.from({ length: ROWS }, (_, row) => [(2 - file) * 100_000 + row, `${id}-${row}`]),
      ),
    );
    assert.deepEqual(
      [rows[0]?.["model"], rows[0]?.["model_version"], rows[0]?.["type"]],
      ["price's model", 7n, "TIMESTAMP"],
    );
    assert.deepEqual(job.pauses, ["written"]);
  });

  it("gives the same rows the same ids and predictions again", async () => {
    const spec = await specOf();
    const once = await read(join(job.folder, (await score(spec, job.context)).batch.file));
    const again = await read(join(job.folder, (await score(spec, job.context)).batch.file));
    const facts = (rows: typeof once) => rows.map((row) => [row["row_id"], row["prediction"]]);
    assert.deepEqual(facts(again), facts(once));
  });

  it("says which column is missing, of another type, or taken", async () => {
    await assert.rejects(
      score(await specOf({ keep: ["nope"] }), job.context),
      /expected a column 'nope' to keep/,
    );
    const features = [{ name: "n0", kind: "text" as const }];
    await assert.rejects(
      score(await specOf({ features }), job.context),
      /expected the feature 'n0' as text, got DOUBLE/,
    );
    const path = join(files.folder, "taken.parquet");
    await writeParquet(path, tableOf({ Prediction: numbers([1]) }));
    const taken = [{ path, sha256: "", bytes: 0, rows: 1, batchId: "b" }];
    await assert.rejects(
      score(await specOf({ files: taken, keep: ["Prediction"] }), job.context),
      /'Prediction' has the name of one that scoring adds/,
    );
    await assert.rejects(
      score(await specOf({ files: [] }), job.context),
      /expected files to score/,
    );
  });
});
