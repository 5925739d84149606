import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fromParquet, openDataEngine, quoteText } from "../datasets/duckdb.ts";
import type { ObserveResult, ObserveSpec } from "../monitors/observe-spec.ts";
import type { WatchedWindow } from "../monitors/watched-window.ts";
import { openStore, type Store, storePath } from "../store/store.ts";
import { commitObserve } from "./commit/commit-observe.ts";
import { homePaths } from "./home.ts";
import { mergeLabels } from "./merge-labels.ts";
import { MODEL, makeProject } from "./testing/make-snapshot.ts";

const NOW_MS = 1_000_000;

describe("windows of a model", () => {
  let home = "";
  let store: Store;
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "sluice-windows-"));
    store = await openStore(storePath(home));
  });
  after(async () => {
    await store.destroy();
    rmSync(home, { recursive: true });
  });

  async function capture(id: string): Promise<void> {
    await store
      .insertInto("captures")
      .values({
        id,
        model: "delay",
        version: 1,
        path: `/h/${id}.parquet`,
        rows: 200,
        first_at_ms: 0,
        last_at_ms: 1,
        window_id: null,
        run_id: "r",
      })
      .execute();
  }

  async function look(id: string, captureId: string, isDegraded: boolean | null): Promise<void> {
    const spec: ObserveSpec = {
      model: "delay",
      version: 1,
      config: MODEL,
      features: [],
      capturePaths: [`/h/${captureId}.parquet`],
      labelPaths: [],
      labelSeq: 7,
      referencePath: null,
      evaluated: null,
    };
    const performance = { metric: "auc" as const, coverage: 1, realised: 0.6, evaluated: 0.7 };
    const result: ObserveResult = {
      rows: 200,
      firstAtMs: 0,
      lastAtMs: 1,
      drift: [],
      performance: isDegraded === null ? null : { ...performance, isDegraded },
    };
    const project = { project: makeProject(), file: "", folder: "", sha256: "" };
    await store
      .transaction()
      .execute((tx) =>
        commitObserve(
          { tx, project, home, nowMs: NOW_MS },
          { id, subject: "model:delay@1", reason: "test", spec, result, folder: "" },
        ),
      );
  }

  const alerts = async () => {
    const rows = await store
      .selectFrom("events")
      .select("details_json")
      .where("type", "=", "monitor.alert")
      .execute();
    return rows.map((row) => JSON.parse(row.details_json)["number"] as number);
  };

  it("alerts when late labels complete k of n, once, at the window that it is about", async () => {
    for (const id of ["c1", "c2", "c3"]) await capture(id);
    await look("w1", "c1", false);
    await look("w2", "c2", null);
    await look("w3", "c3", true);
    assert.deepEqual(await alerts(), []);
    await look("late", "c2", true);
    assert.deepEqual(await alerts(), [3]);
    await look("later", "c3", true);
    assert.deepEqual(await alerts(), [3]);
    const rows = await store.selectFrom("windows").selectAll().orderBy("number").execute();
    const watched = rows.map((row) => JSON.parse(row.result_json ?? "null") as WatchedWindow);
    assert.deepEqual(
      watched.map(({ isDegradationAlert }) => isDegradationAlert),
      [false, false, true],
    );
    assert.deepEqual(
      rows.map((row) => [row.id, row.run_id, row.label_seq]),
      [
        ["w1", "w1", 7],
        ["w2", "late", 7],
        ["w3", "later", 7],
      ],
    );
  });

  it("merges label files in their order, not while one looks at them", async () => {
    const engine = await openDataEngine({ folders: [home] });
    for (let n = 1; n <= 33; n += 1) {
      const path = homePaths.labels(home, `l${n}`);
      mkdirSync(dirname(path), { recursive: true });
      await engine.run(
        `COPY (SELECT 'delay' AS model, 'i' AS inference_id, 0::BIGINT AS "row", '${n}' AS label, 5::BIGINT AS at_ms) TO ${quoteText(path)}`,
      );
      await store
        .insertInto("label_files")
        .values({ id: `l${n}`, tier: 0, path, rows: 1, created_at_ms: n })
        .execute();
    }
    await mergeLabels(store, home);
    const files = await store.selectFrom("label_files").selectAll().orderBy("seq").execute();
    assert.deepEqual(
      files.map(({ seq, tier, rows, created_at_ms }) => [seq, tier, rows, created_at_ms]),
      [
        [32, 1, 32, 32],
        [33, 0, 1, 33],
      ],
    );
    const merged = files[0]?.path ?? "";
    const rows = await engine.rows(`SELECT label FROM ${fromParquet([merged])}`);
    assert.deepEqual(
      rows.map((row) => row["label"]),
      Array.from({ length: 32 }, (_, i) => String(i + 1)),
    );
    engine.close();
    assert.deepEqual(readdirSync(dirname(merged)).sort(), ["l33.parquet", "merged-1-32.parquet"]);
    assert.ok(existsSync(merged));
  });
});
