import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { plan } from "./plan.ts";
import {
  makeBatch,
  makeDataset,
  makeProject,
  makeSnapshot,
  NOW_MS,
  withRows,
} from "./testing/make-snapshot.ts";

describe("what a planned job is told", () => {
  it("a pull: whether it goes on with an answer", () => {
    const row = {
      name: "orders",
      cursor: null,
      seen_path: null,
      last_pull_ms: NOW_MS - 86_400_000,
      held: null,
      held_config_sha256: null,
    };
    const isContinued = (has_more: number) => {
      const feeds = new Map([["orders", { ...row, has_more }]]);
      const run = plan(makeSnapshot({ feeds })).runs.find(({ kind }) => kind === "pull");
      return run?.kind === "pull" ? run.spec.isContinued : null;
    };
    assert.deepEqual([isContinued(0), isContinued(1)], [false, true]);
  });

  it("a check: which batches are pieces of an answer", () => {
    const landed = [makeBatch("a", { is_partial: 1 }), makeBatch("b")];
    const pulled = [makeBatch("c", { is_partial: 1 })];
    const datasets = new Map([["orders", makeDataset({ landed, pulled })]]);
    const run = plan(makeSnapshot({ datasets })).runs.find(({ kind }) => kind === "check");
    assert.ok(run?.kind === "check");
    assert.equal(run.spec.batch.isPartial, true);
    assert.deepEqual(run.spec.partialPaths, ["/h/a.parquet"]);
  });

  it("a training waits for rows of different keys", () => {
    const withUpdates = (updatedRows: number) => {
      const state = makeDataset({ version: { version: 1, rows: 100, updatedRows } });
      return plan(makeSnapshot({ datasets: new Map([["orders", state]]) })).runs.some(
        ({ kind }) => kind === "train",
      );
    };
    assert.deepEqual([withUpdates(0), withUpdates(1)], [true, false]);
  });

  it("a training: the key, and another key is another training", () => {
    const trainOf = (key: string[]) => {
      const project = makeProject({ datasets: { orders: { time: "at", key } } });
      const loaded = { project, file: "/p/sluice.yaml", folder: "/p", sha256: "p1" };
      const datasets = new Map([["orders", withRows(1000)]]);
      const run = plan(makeSnapshot({ project: loaded, datasets })).runs.find(
        ({ kind }) => kind === "train",
      );
      assert.ok(run?.kind === "train");
      return run;
    };
    assert.deepEqual(trainOf(["id"]).spec.keyColumns, ["id"]);
    assert.notEqual(trainOf(["id"]).key, trainOf(["id", "part"]).key);
  });
});
