import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseIndex, parseManifest, sha256Hex } from "../../../protocols/repository/documents.ts";
import { filePath, INDEX_PATH, manifestPath } from "../../../protocols/repository/layout.ts";
import type { DatasetVersion } from "../../datasets/dataset-version.ts";
import { type DataEngine, fromParquet, openDataEngine } from "../../datasets/duckdb.ts";
import { verifyEvents } from "../../store/event-log.ts";
import type { Store } from "../../store/store.ts";
import { filesOfVersion } from "../version-files.ts";
import type { LoopWorld } from "./loop-kit.ts";

/**
 * What must hold at every moment, right after a kill too: nothing is torn, lost or there twice.
 * @throws AssertionError that says what is broken
 */
export async function checkStore(world: LoopWorld): Promise<void> {
  const engine = await openDataEngine({ folders: [world.folder] });
  try {
    await world.withStore(async (store) => {
      const events = await verifyEvents(store);
      assert.ok("count" in events, JSON.stringify(events));
      await checkRuns(store);
      await checkBatches(store, engine);
      await checkVersions(store, engine);
      await checkRows(store, engine);
      await checkCaptures(store, engine);
      await checkPublished(store, world.repository);
    });
  } finally {
    engine.close();
  }
}

async function checkRuns(store: Store): Promise<void> {
  const runs = await store.selectFrom("runs").selectAll().execute();
  const keys = runs.filter(({ status }) => status !== "failed").map(({ key }) => key);
  assert.equal(new Set(keys).size, keys.length, "two runs of one key");
  const failed = runs.filter(({ status }) => status === "failed");
  assert.deepEqual(
    failed.map(({ id, error }) => `${id}: ${error}`),
    [],
  );
}

async function checkBatches(store: Store, engine: DataEngine): Promise<void> {
  for (const batch of await store.selectFrom("batches").selectAll().execute()) {
    assertFile(batch.path, batch.bytes, batch.sha256);
    assert.equal(await countRows(engine, [batch.path]), batch.rows, `rows of ${batch.path}`);
    assert.ok(
      batch.profile_path === null || existsSync(batch.profile_path),
      `${batch.profile_path}`,
    );
  }
}

/**
 * Numbers without a gap; each document adds the one file that its row names, and the files of all the
 * documents are those that the store tells of the newest version: every batch that landed, in order.
 */
async function checkVersions(store: Store, engine: DataEngine): Promise<void> {
  const rows = await store
    .selectFrom("dataset_versions")
    .selectAll()
    .orderBy("dataset")
    .orderBy("version")
    .execute();
  const documents = new Map<string, DatasetVersion[]>();
  for (const row of rows) {
    const version = JSON.parse(readFileSync(row.path, "utf8")) as DatasetVersion;
    const before = documents.get(row.dataset) ?? [];
    const last = before.at(-1);
    assert.equal(row.version, (last?.version ?? 0) + 1, `versions of ${row.dataset}`);
    assert.deepEqual([version.dataset, version.version], [row.dataset, row.version]);
    assert.equal(version.file.batchId, row.batch_id);
    assert.equal(version.rows, row.rows);
    assert.equal(version.rows, (last?.rows ?? 0) + version.file.rows);
    assert.equal(version.files, before.length + 1);
    documents.set(row.dataset, [...before, version]);
  }
  for (const [dataset, versions] of documents) {
    for (const { file } of versions) assertFile(file.path, file.bytes, file.sha256);
    assert.equal(
      await countRows(
        engine,
        versions.map(({ file }) => file.path),
      ),
      versions.at(-1)?.rows,
    );
    for (const { version } of versions) {
      assert.deepEqual(
        await filesOfVersion(store, dataset, version),
        versions.slice(0, version).map(({ file }) => file),
      );
    }
    const landed = await store
      .selectFrom("batches")
      .select("id")
      .where("dataset", "=", dataset)
      .where("status", "=", "landed")
      .orderBy("seq")
      .execute();
    assert.deepEqual(
      versions.map(({ file }) => file.batchId),
      landed.map(({ id }) => id),
    );
  }
}

/** Every source row once, whether checked yet or not; every prediction once. */
async function checkRows(store: Store, engine: DataEngine): Promise<void> {
  for (const [dataset, key] of [
    ["departures", "id"],
    ["late-predictions", "row_id"],
  ] as const) {
    const batches = await store
      .selectFrom("batches")
      .select("path")
      .where("dataset", "=", dataset)
      .execute();
    await assertDistinct(
      engine,
      batches.map(({ path }) => path),
      key,
      dataset,
    );
  }
  const scored = await store.selectFrom("scored").select("batch_id").execute();
  assert.equal(new Set(scored.map((each) => each.batch_id)).size, scored.length, "scored twice");
}

async function checkCaptures(store: Store, engine: DataEngine): Promise<void> {
  const captures = await store.selectFrom("captures").selectAll().execute();
  await assertDistinct(
    engine,
    captures.map(({ path }) => path),
    `(inference_id, "row")`,
    "captures",
  );
  for (const { path, rows } of captures) assert.equal(await countRows(engine, [path]), rows);
  const labels = await store.selectFrom("label_files").select("path").execute();
  await assertDistinct(
    engine,
    labels.map(({ path }) => path),
    `(inference_id, "row")`,
    "labels",
  );
  const windows = await store.selectFrom("windows").selectAll().orderBy("number").execute();
  assert.deepEqual(
    windows.map(({ number }) => number),
    windows.map((_, index) => index + 1),
  );
  for (const window of windows) {
    const own = captures.filter((capture) => capture.window_id === window.id);
    assert.equal(
      own.reduce((total, { rows }) => total + rows, 0),
      window.rows,
    );
  }
}

/** Each candidate once at most, whole, as its manifest says. */
async function checkPublished(store: Store, repository: string): Promise<void> {
  const indexPath = join(repository, INDEX_PATH);
  const candidates = await store.selectFrom("candidates").selectAll().execute();
  const published = new Map<string, number>();
  if (existsSync(indexPath)) {
    const index = parseIndex(readFileSync(indexPath));
    for (const [model, { versions }] of Object.entries(index.models)) {
      for (const [number, { manifestSha256 }] of Object.entries(versions)) {
        const path = manifestPath(model, Number(number));
        const bytes = readFileSync(join(repository, path));
        assert.equal(sha256Hex(bytes), manifestSha256, path);
        const { files, lineage } = parseManifest(path, bytes);
        for (const file of files) {
          assertFile(
            join(repository, filePath(model, Number(number), file.path)),
            file.bytes,
            file.sha256,
          );
        }
        const candidate = lineage["runId"] ?? "";
        assert.ok(!published.has(candidate), `candidate ${candidate} was published twice`);
        published.set(candidate, Number(number));
      }
    }
  }
  for (const { id, stage, version } of candidates) {
    if (stage === "published") assert.equal(published.get(id), version, `version of ${id}`);
  }
}

function assertFile(path: string, bytes: number, sha256: string): void {
  assert.ok(!path.endsWith(".tmp"), path);
  assert.equal(statSync(path).size, bytes, `bytes of ${path}`);
  assert.equal(createHash("sha256").update(readFileSync(path)).digest("hex"), sha256, path);
}

async function assertDistinct(
  engine: DataEngine,
  paths: readonly string[],
  key: string,
  what: string,
): Promise<void> {
  if (paths.length === 0) return;
  const [found] = await engine.rows(
    `SELECT CAST(count(*) AS INTEGER) AS n, CAST(count(DISTINCT ${key}) AS INTEGER) AS keys FROM ${fromParquet(paths)}`,
  );
  assert.equal(found?.["keys"], found?.["n"], `rows of ${what} that are there twice`);
}

async function countRows(engine: DataEngine, paths: readonly string[]): Promise<number> {
  const [found] = await engine.rows(
    `SELECT CAST(count(*) AS INTEGER) AS n FROM ${fromParquet(paths)}`,
  );
  return Number(found?.["n"]);
}
