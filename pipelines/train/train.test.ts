import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { JobError } from "../jobs/job-error.ts";
import { countParts, mostRows } from "./prepare-rows.ts";
import { chooseSampleRows } from "./sample-rows.ts";
import { BOOSTING, createTrainKit, SOME_ROWS, type TrainKit } from "./testing/train-kit.ts";
import { train } from "./train.ts";
import { parseTreesModel } from "./trees-model.ts";

describe("train", () => {
  let kit: TrainKit;
  beforeEach(async () => {
    kit = await createTrainKit();
  });
  afterEach(() => kit.close());

  const read = (path: string) => readFileSync(join(kit.folder, path), "utf8");
  const refuses = (config: Parameters<TrainKit["spec"]>[0], message: RegExp) =>
    assert.rejects(train(kit.spec(config), kit.context()), (error) => {
      assert.ok(error instanceof JobError, String(error));
      assert.match(error.message, message);
      return true;
    });

  it("trains, and leaves everything that comes after needs", async () => {
    await kit.addFile(SOME_ROWS);
    const config = { evaluation: { slices: ["town"] } as never };
    const result = await train(kit.spec(config), kit.context());
    assert.deepEqual(result.rows, { train: 2040, validation: 360, evaluation: 600 });
    assert.deepEqual(result.features, [
      { name: "x", kind: "number" },
      { name: "town", kind: "text" },
      { name: "n", kind: "number" },
    ]);
    assert.deepEqual(kit.paused, ["split", "trained"]);
    assert.ok((result.metrics["validation_auc"] ?? 0) > 0.8, JSON.stringify(result.metrics));
    assert.deepEqual(JSON.parse(read("output/metrics.json")), result.metrics);
    const model = parseTreesModel(read(result.artifact.file));
    assert.equal(model.trees.length, result.metrics["trees"]);
    assert.equal(JSON.parse(read("input/config/hyperparameters.json")).learningRate, "0.1");
    assert.ok(kit.metrics.some(({ key, step }) => key === "validation_loss" && step === 10));
    assert.equal(existsSync(join(kit.folder, "spill")), false);
  });

  it("splits by time, over files and in any order", async () => {
    await kit.addFile(`SELECT * FROM (${SOME_ROWS}) WHERE n = 1 ORDER BY "at" DESC`);
    await kit.addFile(`SELECT * FROM (${SOME_ROWS}) WHERE n <> 1`);
    const result = await train(kit.spec(), kit.context());
    const parts = await kit.query(
      `SELECT 'evaluation' AS part, count(*)::INT AS n, min("at")::VARCHAR AS low, NULL AS x FROM read_parquet($${result.evaluationFile})
       UNION ALL SELECT 'train', count(*)::INT, NULL, NULL FROM read_parquet($input/data/train/data.parquet)
       UNION ALL SELECT 'validation', count(*)::INT, NULL, NULL FROM read_parquet($input/data/validation/data.parquet)`,
    );
    assert.deepEqual(
      parts.map(({ part, n }) => [part, n]),
      [
        ["evaluation", 600],
        ["train", 2040],
        ["validation", 360],
      ],
    );
    // Day 2400 after 2020-01-01.
    assert.equal(parts[0]?.["low"], "2026-07-28 00:00:00");
    const columns = await kit.query(
      "SELECT column_name AS name FROM (DESCRIBE SELECT * FROM read_parquet($evaluation.parquet))",
    );
    assert.deepEqual(
      columns.map(({ name }) => name),
      ["x", "town", "n", "y", "at"],
    );
  });

  it("keeps the last trainRows, and counts rows without a target", async () => {
    await kit.addFile(
      `SELECT * REPLACE (CASE WHEN n = 0 THEN NULL ELSE y END AS y) FROM (${SOME_ROWS})`,
    );
    const { rows } = await train(kit.spec({ trainRows: 1800 }), kit.context());
    assert.equal(rows.train + rows.validation + rows.evaluation, 1200);
    assert.match(kit.logged[0] ?? "", /"withoutTarget":600/);
  });

  it("takes the last row of a key that landed, on one side of the split only", async () => {
    const keyed = `SELECT row_number() OVER () AS id, * FROM (${SOME_ROWS})`;
    await kit.addFile(keyed);
    // The first 100 rows again, as if they were updated at the end of time.
    await kit.addFile(
      `SELECT * REPLACE (TIMESTAMP '2040-01-01' AS "at", 7 AS n) FROM (${keyed}) WHERE id <= 100`,
    );
    await kit.addFile(`SELECT NULL::BIGINT AS id, * FROM (${SOME_ROWS}) LIMIT 2`);
    const spec = kit.spec({ features: ["x", "town", "n", "id"] }, { keyColumns: ["id"] });
    const result = await train(spec, kit.context());
    const { train: learnt, validation, evaluation } = result.rows;
    assert.equal(learnt + validation + evaluation, 3002);
    assert.match(kit.logged[0] ?? "", /"superseded":100/);
    const known =
      "read_parquet([$input/data/train/data.parquet, $input/data/validation/data.parquet])";
    const [both] = await kit.query(
      `SELECT count(*)::INT AS n FROM ${known} JOIN read_parquet($evaluation.parquet) USING (id)`,
    );
    assert.equal(both?.["n"], 0);
    const [updated] = await kit.query(
      "SELECT count(*)::INT AS n, bool_and(n = 7) AS new FROM read_parquet($evaluation.parquet) WHERE id <= 100",
    );
    assert.deepEqual({ ...updated }, { n: 100, new: true });
  });

  it("says which rows are missing where later ones replaced them", async () => {
    await kit.addFile(`SELECT i % 10 AS id, * FROM (${SOME_ROWS}), range(1) AS t(i)`);
    await kit.addFile(`SELECT 1 AS id, * FROM (${SOME_ROWS})`);
    await assert.rejects(train(kit.spec({}, { keyColumns: ["id"] }), kit.context()), {
      name: "JobError",
      message: /found 2 with a target, and 0 without 'y', and 5998 replaced by later ones$/,
    });
    await assert.rejects(train(kit.spec({}, { keyColumns: ["gone"] }), kit.context()), {
      name: "JobError",
      message: /expected a column 'gone' in dataset 'd' version 1/,
    });
  });

  it("samples missing values and unseen texts with the trainer's answers", async () => {
    await kit.addFile(SOME_ROWS);
    const result = await train(kit.spec(), kit.context());
    const [found] = await kit.query(
      `SELECT count(*)::INT AS n, count(*) FILTER (x IS NULL)::INT AS missing,
         count(*) FILTER (town = 'new')::INT AS unseen,
         bool_and(prediction > 0 AND prediction < 1) AS fine FROM read_parquet($${result.sampleFile})`,
    );
    assert.equal(found?.["unseen"], 14);
    assert.ok((found?.["missing"] as number) >= 50 && (found?.["n"] as number) <= 2000);
    assert.equal(found?.["fine"], true);
    const reference = await kit.query(
      `SELECT count(*)::INT AS n, count(DISTINCT prediction) > 10 AS varied,
         count(*) FILTER (town = 'new')::INT AS unseen FROM read_parquet($${result.referenceFile})`,
    );
    assert.deepEqual({ ...reference[0] }, { n: 2400, varied: true, unseen: 0 });
  });

  it("leaves the same bytes twice", async () => {
    await kit.addFile(SOME_ROWS);
    const files = ["model/trees.json", "model/sample.parquet", "reference.parquet"];
    const run = async () => {
      await train(kit.spec(), kit.context());
      return files.map((file) => readFileSync(join(kit.folder, file)).toString("base64"));
    };
    assert.deepEqual(await run(), await run());
  });

  it("trains a regression on one feature, without a time", async () => {
    await kit.addFile("SELECT i % 100 AS x, (i % 100) * 2.5 AS y FROM range(2000) AS t(i)");
    const config = { task: "regression" as const, features: ["x"] };
    const result = await train(kit.spec(config, { timeColumn: null }), kit.context());
    assert.ok((result.metrics["validation_r2"] ?? 0) > 0.9, JSON.stringify(result.metrics));
  });

  it("leaves nothing that looks finished when it is stopped half-way", async () => {
    await kit.addFile(SOME_ROWS);
    const controller = new AbortController();
    const pause = async () => controller.abort(new JobError("asked to stop", true));
    const context = kit.context({ pause, signal: controller.signal });
    await assert.rejects(train(kit.spec(), context), /asked to stop/);
    for (const file of ["model/trees.json", "model/sample.parquet", "output/metrics.json"]) {
      assert.equal(existsSync(join(kit.folder, file)), false, file);
    }
  });

  it("says what it expected and what came", async () => {
    await refuses({}, /dataset 'd' version 1 has no files/);
    await kit.addFile(
      `SELECT *, CAST(y AS INTEGER) + 1 AS one_two, town AS label, true AS always, NULL::DOUBLE AS never,
         1 / n AS inverse, x AS prediction FROM (${SOME_ROWS})`,
    );
    await refuses(
      { features: ["x", "gone"] },
      /expected a column 'gone' in dataset 'd' version 1, found at, x/,
    );
    await refuses({ target: "gone" }, /expected a column 'gone'/);
    await refuses({ evaluation: { slices: ["gone"] } as never }, /expected a column 'gone'/);
    await refuses(
      { features: ["at"] },
      /numbers, booleans or text in the feature 'at', found TIMESTAMP/,
    );
    await refuses({ features: ["x", "x"] }, /found 'x' as a feature twice/);
    await refuses({ features: ["y"] }, /found 'y' as the target/);
    await refuses({ features: ["prediction"] }, /another name for the feature 'prediction'/);
    await refuses({ target: "label" }, /0 and 1, in the target 'label' \(binary\), found VARCHAR/);
    await refuses(
      { target: "one_two" },
      /0 or 1 in the target 'one_two' \(binary\), found something else in \d+ rows/,
    );
    await refuses(
      { target: "always" },
      /two classes of 'always' in the 2040 training rows, found one/,
    );
    await refuses(
      { target: "never" },
      /at least 1000 rows .*found 0 with a target, and 3000 without/,
    );
    await refuses({ minRows: 5000 }, /at least 5000 rows .*found 3000 with a target/);
    await refuses(
      { target: "y", task: "regression" },
      /expected numbers in the target 'y'.*found BOOLEAN/,
    );
    await refuses({ target: "label", task: "regression" }, /expected numbers in the target/);
  });

  it("takes 0 and 1 for the classes", async () => {
    await kit.addFile(`SELECT * REPLACE (CAST(y AS DOUBLE) AS y) FROM (${SOME_ROWS})`);
    const trainer = { ...BOOSTING, trees: 3 };
    const result = await train(kit.spec({ trainer }), kit.context());
    assert.equal(result.artifact.kind, "trees");
  });
});

describe("countParts", () => {
  it("gives every part a row", () => {
    assert.deepEqual(countParts(3, 0.2), { train: 1, validation: 1, evaluation: 1 });
    assert.deepEqual(countParts(10, 0.99), { train: 1, validation: 1, evaluation: 8 });
    assert.deepEqual(countParts(1000, 0.2), { train: 680, validation: 120, evaluation: 200 });
  });
});

describe("mostRows", () => {
  it("bounds what the built-in trainer takes into memory, and no other", async () => {
    const kit = await createTrainKit();
    const features = Array.from({ length: 99 }, (_, i) => `f${i}`);
    const trainer = { kind: "command" as const, name: "x", timeoutSecs: 1 };
    assert.equal(mostRows(kit.spec({ features }).config), 1_000_000);
    assert.equal(mostRows(kit.spec({ features, trainer }).config), Number.POSITIVE_INFINITY);
    await kit.close();
  });
});

describe("chooseSampleRows", () => {
  it("spreads over all rows and takes some of each special kind", () => {
    const special = new Uint8Array(100_000);
    special.fill(1, 50_001, 50_011);
    const rows = chooseSampleRows(100_000, [special]);
    assert.ok(rows.length > 1800 && rows.length <= 2000);
    assert.deepEqual([rows[0], rows.at(-1)], [0, 99_999]);
    for (let row = 50_001; row < 50_011; row += 1) assert.ok(rows.includes(row));
    assert.deepEqual(
      [...rows],
      [...new Set(rows)].sort((a, b) => a - b),
    );
    assert.deepEqual([...chooseSampleRows(3, [])], [0, 1, 2]);
  });
});
