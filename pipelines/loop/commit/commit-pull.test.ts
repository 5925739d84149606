import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { PulledBatch, PullResult, PullSpec } from "../../feeds/pull-spec.ts";
import { FEED, NOW_MS } from "../testing/make-snapshot.ts";
import { loadedProject, openStoreHome, type StoreHome } from "../testing/store-kit.ts";
import { commitPull } from "./commit-pull.ts";

const SPEC: PullSpec = {
  feedName: "orders",
  feed: FEED,
  dataset: {},
  projectFolder: "/p",
  hashKey: null,
  state: { cursor: null, seenFile: null },
  isContinued: false,
};
const EMPTY: PullResult = {
  outcome: "empty",
  batch: null,
  state: { cursor: null, seenFile: null },
  hasMore: false,
  problems: [],
  refusedFiles: [],
};

describe("commitPull", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  const commit = (id: string, result: PullResult) =>
    at.store
      .transaction()
      .execute((tx) =>
        commitPull(
          { tx, project: loadedProject(), home: at.home, nowMs: NOW_MS },
          { id, subject: "feed:orders", reason: "", spec: SPEC, result, folder: at.home },
        ),
      );

  it("raises what was refused, by name and reason, of many the first", async () => {
    const refusedFiles = Array.from({ length: 30 }, (_, i) => ({
      name: `${i}.csv`,
      reason: "cut",
    }));
    await commit("p1", { ...EMPTY, refusedFiles });
    await commit("p2", EMPTY);
    const events = await at.store
      .selectFrom("events")
      .select(["type", "subject", "details_json"])
      .execute();
    assert.deepEqual(
      events.map(({ type, subject }) => [type, subject]),
      [["feed.refused", "feed:orders"]],
    );
    const { count, files } = JSON.parse(events[0]?.details_json ?? "");
    assert.deepEqual([count, files.length, files[0]], [30, 20, { name: "0.csv", reason: "cut" }]);
  });

  it("keeps which batches are pieces of an answer", async () => {
    writeFileSync(join(at.home, "batch.parquet"), "");
    const batch: PulledBatch = {
      file: "batch.parquet",
      sha256: "",
      bytes: 0,
      rows: 3,
      isPartial: true,
      schema: [],
      treatments: {},
    };
    await commit("p1", { ...EMPTY, outcome: "batch", batch });
    await commit("p2", { ...EMPTY, outcome: "batch", batch: { ...batch, isPartial: false } });
    const rows = await at.store.selectFrom("batches").select(["id", "is_partial"]).execute();
    assert.deepEqual(
      rows.map(({ id, is_partial }) => [id, is_partial]),
      [
        ["p1", 1],
        ["p2", 0],
      ],
    );
  });
});
