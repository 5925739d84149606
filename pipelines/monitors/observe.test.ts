import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type DataEngine, openDataEngine, quoteText } from "../datasets/duckdb.ts";
import type { JobContext } from "../jobs/job.ts";
import { JobError } from "../jobs/job-error.ts";
import type { ModelConfig } from "../project/project.ts";
import { observe, REPORT_FILE } from "./observe.ts";
import type { ObserveSpec } from "./observe-spec.ts";

/** Even spreads that do not follow each other: a number and a category of row `i`. */
const NUMBER = "(i * 0.618033988749895) % 1";
const TEXT = "['ORD', 'DFW', 'ATL', 'LAX'][1 + (i * 7 // 3) % 4]";
const CAPTURE = "'id' || (i // 2) AS inference_id, i % 2 AS \"row\", 1000 + i AS at_ms";

const CONFIG: ModelConfig = {
  dataset: "flights",
  target: "late",
  task: "binary",
  features: ["x", "t"],
  trainer: { kind: "command", name: "none", timeoutSecs: 1 },
  minRows: 10,
  monitor: {
    windowRows: 200,
    distance: 0.1,
    pValue: 0.05,
    k: 2,
    n: 3,
    performance: { metric: "accuracy", maxDrop: 0.05, coverage: 0.8 },
  },
};

describe("the observe job", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-observe-"));
  let engine: DataEngine;
  before(async () => {
    engine = await openDataEngine({ folders: [folder] });
  });
  after(() => {
    engine.close();
    rmSync(folder, { recursive: true });
  });

  async function parquet(name: string, select: string): Promise<string> {
    const path = join(folder, `${name}.parquet`);
    await engine.run(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet)`);
    return path;
  }

  const reference = () =>
    parquet(
      "reference",
      `SELECT ${NUMBER} AS x, ${TEXT} AS t, ${NUMBER} AS prediction FROM range(5000) r(i)`,
    );
  const window = (name: string, x = NUMBER, t = TEXT) =>
    parquet(
      name,
      `SELECT ${CAPTURE}, (${x})::FLOAT AS x, ${t} AS t, (${NUMBER})::FLOAT AS prediction
       FROM range(400) r(i)`,
    );
  /** The first `rows` rows of the window, labelled by `label`. */
  const labels = (name: string, rows: number, label: string, atMs = 0) =>
    parquet(
      name,
      `SELECT 'm' AS model, 'id' || (i // 2) AS inference_id, i % 2 AS "row",
         (${label})::VARCHAR AS label, ${atMs} AS at_ms FROM range(${rows}) r(i)`,
    );

  function specOf(changes: Partial<ObserveSpec>): ObserveSpec {
    return {
      model: "m",
      version: 3,
      config: CONFIG,
      features: [
        { name: "x", kind: "number" },
        { name: "t", kind: "text" },
      ],
      capturePaths: [],
      labelPaths: [],
      referencePath: null,
      evaluated: null,
      labelSeq: 0,
      ...changes,
    };
  }

  function contextOf(points: string[] = []): JobContext {
    return {
      folder,
      runId: "run",
      env: {},
      metric: (key, value) => assert.ok(Number.isFinite(value), key),
      log: () => undefined,
      pause: async (point) => {
        points.push(point);
      },
      signal: new AbortController().signal,
    };
  }

  it("is quiet on quiet data, and says how many rows from when to when", async () => {
    const points: string[] = [];
    const result = await observe(
      specOf({ capturePaths: [await window("quiet")], referencePath: await reference() }),
      contextOf(points),
    );
    assert.deepEqual([result.rows, result.firstAtMs, result.lastAtMs], [400, 1000, 1399]);
    assert.deepEqual(
      result.drift.map(({ column, hasDrifted }) => [column, hasDrifted]),
      [
        ["x", false],
        ["t", false],
        ["prediction", false],
      ],
    );
    assert.deepEqual(points, ["observed"]);
  });

  it("finds changes", async () => {
    const spec = specOf({
      capturePaths: [
        await window("km", `${NUMBER} * 1.6`, `nullif(${TEXT}, 'ORD')`),
        await window("km2", `${NUMBER} * 1.6`, `nullif(${TEXT}, 'ORD')`),
      ],
      referencePath: await reference(),
    });
    const result = await observe(spec, contextOf());
    assert.equal(result.rows, 800);
    const drifted = result.drift.filter(({ hasDrifted }) => hasDrifted);
    assert.deepEqual(
      drifted.map(({ column }) => column),
      ["x", "t"],
    );
    assert.match(drifted[0]?.text ?? "", /^mean 0\.5 -> 0\.8004$/);
    assert.match(drifted[1]?.text ?? "", /missing 0 % -> 25\.3 %/);
    const report = JSON.parse(readFileSync(join(folder, REPORT_FILE), "utf8"));
    assert.equal(report.columns[0].histogram.edges.length, 21);
    assert.equal(report.columns[1].windowMissing, 0.2525);
    assert.equal(report.columns[1].histogram.groups[0].kind, "category");
  });

  it("joins labels by id and row, the last told, and only this model's", async () => {
    const wrong = `${NUMBER} < 0.5`;
    const right = `CASE WHEN ${NUMBER} >= 0.5 THEN '1' ELSE 'false' END`;
    const late = await labels("late", 400, right, 50);
    const early = await labels("early", 400, wrong, 10);
    const foreign = await parquet(
      "foreign",
      `SELECT 'other' AS model, 'id' || i AS inference_id, 0 AS "row", '0' AS label, 99 AS at_ms
       FROM range(200) r(i)`,
    );
    const run = (labelPaths: string[]) =>
      window("labelled").then((path) =>
        observe(
          specOf({
            capturePaths: [path],
            labelPaths,
            evaluated: { accuracy: 0.9 },
          }),
          contextOf(),
        ),
      );
    const good = (await run([late, early, foreign])).performance;
    assert.deepEqual(good, {
      metric: "accuracy",
      coverage: 1,
      realised: 1,
      evaluated: 0.9,
      isDegraded: false,
    });
    const bad = (await run([early])).performance;
    assert.deepEqual([bad?.realised, bad?.isDegraded], [0, true]);
    const few = await labels("few", 300, right);
    const uncovered = (await run([few])).performance;
    assert.deepEqual([uncovered?.coverage, uncovered?.realised], [0.75, null]);
    const odd = await labels("odd", 400, "'maybe'");
    assert.deepEqual(
      [(await run([odd])).performance?.coverage, (await run([])).performance?.coverage],
      [0, 0],
    );
    const same = await labels("same", 400, right, 10);
    assert.equal((await run([early, same])).performance?.realised, 1);
    assert.equal((await run([same, early])).performance?.realised, 0);
  });

  it("does not compare predictions with a reference that has none", async () => {
    const result = await observe(
      specOf({
        capturePaths: [await window("own")],
        referencePath: await parquet(
          "features-only",
          `SELECT ${NUMBER} AS x, ${TEXT} AS t FROM range(5000) r(i)`,
        ),
      }),
      contextOf(),
    );
    assert.deepEqual(
      result.drift.map(({ column }) => column),
      ["x", "t"],
    );
  });

  it("shows no drift without a reference and no performance unless it is asked for", async () => {
    const monitor = { windowRows: 200, distance: 0.1, pValue: 0.05, k: 2, n: 3 };
    const result = await observe(
      specOf({ capturePaths: [await window("bare")], config: { ...CONFIG, monitor } }),
      contextOf(),
    );
    assert.deepEqual([result.drift, result.performance], [[], null]);
  });

  it("says in one line what is wrong with its files", async () => {
    const capturePaths = [await window("plain")];
    const refuse = async (changes: Partial<ObserveSpec>, message: RegExp) => {
      await assert.rejects(observe(specOf({ capturePaths, ...changes }), contextOf()), (error) => {
        assert.ok(error instanceof JobError, String(error));
        assert.match(error.message, message);
        return true;
      });
    };
    await refuse({ capturePaths: [] }, /captured rows, found no files/);
    const none = await parquet("none", `SELECT ${CAPTURE} FROM range(0) r(i)`);
    await refuse({ capturePaths: [none] }, /window with captured rows, found none/);
    const narrow = await parquet("narrow", "SELECT 1.0 AS x, 1.0 AS prediction");
    await refuse({ referencePath: narrow }, /column 't' in the reference/);
    const text = await parquet("text", "SELECT 'secret' AS x, 'a' AS t, 1.0 AS prediction");
    await refuse(
      { referencePath: text },
      /^column 'x' of the reference: expected numbers, got VARCHAR$/,
    );
    const empty = await parquet(
      "empty",
      "SELECT 1.0 AS x, 'a' AS t, 1.0 AS prediction FROM range(0)",
    );
    await refuse({ referencePath: empty }, /rows in the reference/);
    const { monitor: _, ...unwatched } = CONFIG;
    await refuse({ config: unwatched }, /expected 'monitor'/);
  });
});
