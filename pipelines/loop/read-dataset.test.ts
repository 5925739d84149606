import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { DatasetVersion } from "../datasets/dataset-version.ts";
import { landBatch } from "./commit/land-batch.ts";
import { homePaths } from "./home.ts";
import { fileOf } from "./plan-score.ts";
import { readDataset } from "./read-dataset.ts";
import { dueRuns, enqueue } from "./run-queue.ts";
import { MODEL, makeBatch } from "./testing/make-snapshot.ts";
import {
  FACTS,
  loadedProject,
  openStoreHome,
  plannedRun,
  type StoreHome,
} from "./testing/store-kit.ts";
import { filesOfVersion } from "./version-files.ts";

describe("a dataset of many batches", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  const batch = (number: number) =>
    makeBatch(`b${number}`, {
      seq: number * 1000,
      status: "pulled",
      rows: number,
      created_at_ms: number,
    });

  /** Lands batches in this order. */
  async function land(numbers: readonly number[]): Promise<void> {
    const rest = { project: loadedProject(), home: at.home, nowMs: 1 };
    await at.store.transaction().execute(async (tx) => {
      for (const number of numbers) {
        await tx.insertInto("batches").values(batch(number)).execute();
      }
      for (const number of numbers) {
        await landBatch({ ...rest, tx }, batch(number), null, `check-${number}`);
      }
    });
  }

  const document = (version: number): DatasetVersion =>
    JSON.parse(readFileSync(homePaths.datasetVersion(at.home, "orders", version), "utf8"));

  it("has versions that each tell only what is new", async () => {
    await land([1, 3, 2]);
    const third = document(3);
    assert.equal(third.file.batchId, "b2");
    assert.deepEqual([third.version, third.rows, third.files], [3, 6, 3]);
    assert.deepEqual([document(2).file.batchId, document(2).rows], ["b3", 4]);
    const state = await readDataset(at.store, "orders", {});
    assert.deepEqual(state.version, { version: 3, rows: 6, updatedRows: 0 });
  });

  it("tells the files of any version, in the order of their landing", async () => {
    await land([1, 3, 2]);
    const ids = async (version: number) =>
      (await filesOfVersion(at.store, "orders", version)).map(({ batchId }) => batchId);
    assert.deepEqual(await ids(1), ["b1"]);
    assert.deepEqual(await ids(2), ["b1", "b3"]);
    assert.deepEqual(await ids(3), ["b1", "b3", "b2"]);
    assert.deepEqual(await ids(4), []);
    assert.deepEqual(await filesOfVersion(at.store, "orders", 1), [fileOf(batch(1))]);
    assert.deepEqual(await filesOfVersion(at.store, "others", 1), []);
  });

  it("gives a training the files of its version when it is put into the queue", async () => {
    await land([1, 2]);
    const dataset = { name: "orders", version: 2 };
    const spec = { model: "delay", config: MODEL, timeColumn: null, dataset, command: null };
    const training = plannedRun("k", { kind: "train", subject: "model:delay", spec } as never);
    await enqueue(at.store, [training], FACTS, 1);
    await land([3]);
    const [run] = await dueRuns(at.store, 1, 1);
    const { files } = JSON.parse(run?.spec_json ?? "");
    assert.deepEqual(files, [fileOf(batch(1)), fileOf(batch(2))]);
  });

  it("is read as far as it decides anything: the last hundred, and what waits", async () => {
    const numbers = Array.from({ length: 120 }, (_, index) => index + 1);
    await land(numbers);
    const waiting = [201, 202].map((number) => batch(number));
    await at.store.insertInto("batches").values(waiting).execute();
    const { landed, pulled, releasable } = await readDataset(at.store, "orders", {});
    assert.deepEqual(
      landed.map(({ id }) => id),
      numbers.slice(20).map((number) => `b${number}`),
    );
    assert.deepEqual(
      pulled.map(({ id }) => id),
      ["b201", "b202"],
    );
    assert.deepEqual(releasable, []);
  });
});
