import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { appendEvent } from "../store/event-log.ts";
import { openStore, type Store, storePath } from "../store/store.ts";
import type { RunTable } from "../store/tables.ts";
import { addEdges } from "./commit/commit.ts";
import { expireRuns } from "./expire-runs.ts";
import { homePaths } from "./home.ts";
import { makeCandidate } from "./testing/make-snapshot.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;

describe("expireRuns", () => {
  let home = "";
  let store: Store;
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "sluice-expire-"));
    store = await openStore(storePath(home));
  });
  after(async () => {
    await store.destroy();
    rmSync(home, { recursive: true });
  });

  const folderOf = (id: string): string => join(home, "runs", id);
  async function addRun(id: string, kind: string, daysAgo: number, change: Partial<RunTable> = {}) {
    mkdirSync(join(folderOf(id), "1"), { recursive: true });
    const row: RunTable = {
      id,
      kind,
      subject: "x",
      key: id,
      status: "finished",
      reason: "test",
      spec_json: "{}",
      result_json: "{}",
      error: null,
      attempts: 1,
      lost_attempts: 0,
      transient_attempts: 0,
      interrupted_attempts: 0,
      folder: join(folderOf(id), "1"),
      not_before_ms: 0,
      created_at_ms: 0,
      started_at_ms: 0,
      ended_at_ms: NOW_MS - daysAgo * DAY_MS,
      claimed_by: null,
      git_commit: null,
      git_dirty: null,
      lockfile_sha256: null,
      config_sha256: "",
      params_json: "{}",
      ...change,
    };
    await store.insertInto("runs").values(row).execute();
  }
  const news = (id: string) =>
    store
      .transaction()
      .execute((tx) =>
        appendEvent(tx, { type: "run.finished", subject: "x", runId: id, details: {} }, NOW_MS),
      );
  const hasRun = async (id: string) =>
    (await store.selectFrom("runs").select("id").where("id", "=", id).execute()).length === 1;

  it("keeps what somebody needs, and nothing else", async () => {
    await addRun("check-old", "check", 2);
    await addRun("check-new", "check", 0.5);
    await addRun("train-old", "train", 90);
    await addRun("failed-6", "train", 6, { status: "failed" });
    await addRun("failed-8", "train", 8, { status: "failed" });
    await addRun("observe-29", "observe", 29);
    await addRun("observe-31", "observe", 31);
    await addRun("pull-empty", "pull", 1);
    await addRun("pull-empty-now", "pull", 0);
    await addRun("pull-batch", "pull", 1.5);
    await news("pull-batch");
    await expireRuns(store, home, NOW_MS);
    const folders = Object.fromEntries(
      [
        "check-old",
        "check-new",
        "train-old",
        "failed-6",
        "failed-8",
        "observe-29",
        "observe-31",
      ].map((id) => [id, existsSync(folderOf(id))]),
    );
    assert.deepEqual(folders, {
      "check-old": false,
      "check-new": true,
      "train-old": true,
      "failed-6": true,
      "failed-8": false,
      "observe-29": true,
      "observe-31": false,
    });
    assert.equal(await hasRun("check-old"), true);
    assert.equal(await hasRun("pull-empty"), false);
    assert.equal(await hasRun("pull-empty-now"), true);
    assert.equal(await hasRun("pull-batch"), true);
    assert.equal(existsSync(folderOf("pull-batch")), false);
  });

  it("gives up a refused candidate's files after a month, a published one's never", async () => {
    for (const [id, stage] of [
      ["train-a", "refused"],
      ["train-b", "published"],
    ] as const) {
      await addRun(id, "train", 40);
      const row = makeCandidate({ id, stage, updated_at_ms: NOW_MS - 31 * DAY_MS });
      await store.insertInto("candidates").values(row).execute();
      await store.transaction().execute((tx) => addEdges(tx, id, "out", [`candidate:${id}`]));
    }
    await expireRuns(store, home, NOW_MS);
    assert.equal(existsSync(folderOf("train-a")), false);
    assert.equal(existsSync(folderOf("train-b")), true);
  });

  it("gives up the model of a refused candidate from incoming/, and keeps why it was refused", async () => {
    const old = NOW_MS - 31 * DAY_MS;
    for (const [id, sha, change] of [
      ["gone", "a", { stage: "refused", updated_at_ms: old }],
      ["same-bytes", "b", { stage: "refused", updated_at_ms: old }],
      ["serves", "b", { stage: "published", version: 7, updated_at_ms: old }],
      ["young", "c", { stage: "refused", updated_at_ms: NOW_MS - 29 * DAY_MS }],
    ] as const) {
      const row = { id: `incoming-${id}`, origin: "incoming", source_sha256: sha } as const;
      await store
        .insertInto("candidates")
        .values(makeCandidate({ ...row, ...change }))
        .execute();
    }
    const model = (sha: string): string => homePaths.incoming(home, sha);
    mkdirSync(dirname(model("a")), { recursive: true });
    // "d" is of a candidate that there is no more, "e" of one that is not noted yet.
    for (const sha of ["a", "b", "c", "d", "e"]) {
      writeFileSync(model(sha), sha);
      const changedSecs = (sha === "e" ? NOW_MS : old) / 1000;
      utimesSync(model(sha), changedSecs, changedSecs);
    }
    await addRun("judge", "evaluate", 31, { subject: "candidate:incoming-gone" });
    await store
      .transaction()
      .execute((tx) => addEdges(tx, "judge", "in", ["candidate:incoming-gone"]));
    const judged = (name: string): string => join(folderOf("judge"), "1", name);
    writeFileSync(judged("report.json"), "{}");
    writeFileSync(judged("rows.parquet"), "");

    await expireRuns(store, home, NOW_MS);
    assert.deepEqual(
      ["a", "b", "c", "d", "e"].map((sha) => existsSync(model(sha))),
      [false, true, true, false, true],
    );
    assert.deepEqual(
      [existsSync(judged("report.json")), existsSync(judged("rows.parquet"))],
      [true, false],
    );
    const { reason, folder } = {
      ...(await store
        .selectFrom("runs")
        .selectAll()
        .where("id", "=", "judge")
        .executeTakeFirstOrThrow()),
    };
    assert.deepEqual([reason, folder], ["test", join(folderOf("judge"), "1")]);
  });

  it("drops the rows that a published candidate was trained on, of every attempt", async () => {
    const path = (id: string, attempt: number, name: string) =>
      join(folderOf(id), String(attempt), name);
    const rows = "input/data/train/data.parquet";
    for (const [id, stage] of [
      ["train-c", "published"],
      ["train-d", "evaluated"],
    ] as const) {
      await addRun(id, "train", 0);
      for (const attempt of [1, 2]) {
        mkdirSync(join(folderOf(id), String(attempt), "input/data/train"), { recursive: true });
        writeFileSync(path(id, attempt, rows), "");
        writeFileSync(path(id, attempt, "reference.parquet"), "");
      }
      const row = makeCandidate({ id, stage, train_run_id: id });
      await store.insertInto("candidates").values(row).execute();
    }
    await expireRuns(store, home, NOW_MS);
    const left = (id: string, name: string) =>
      [1, 2].map((attempt) => existsSync(path(id, attempt, name)));
    assert.deepEqual(left("train-c", rows), [false, false]);
    assert.deepEqual(left("train-c", "reference.parquet"), [true, true]);
    assert.deepEqual(left("train-d", rows), [true, true]);
  });

  it("goes on with a refused candidate when it was cut short", async () => {
    await addRun("train-e", "train", 40);
    const row = makeCandidate({ id: "train-e", stage: "refused", updated_at_ms: 0 });
    await store.insertInto("candidates").values(row).execute();
    await store
      .transaction()
      .execute((tx) => addEdges(tx, "train-e", "out", ["candidate:train-e"]));
    const broken = store.withPlugin({
      transformQuery({ node }) {
        const isOfRuns = JSON.stringify(node).includes('"name":"runs"');
        if (node.kind === "UpdateQueryNode" && isOfRuns) throw new Error("killed");
        return node;
      },
      transformResult: async ({ result }) => result,
    });
    await assert.rejects(expireRuns(broken, home, NOW_MS), /killed/);
    mkdirSync(folderOf("train-e"), { recursive: true });
    await expireRuns(store, home, NOW_MS);
    assert.equal(existsSync(folderOf("train-e")), false);
    const [left] = await store
      .selectFrom("runs")
      .select("folder")
      .where("id", "=", "train-e")
      .execute();
    assert.equal(left?.folder, null);
  });

  it("drops a feed's old positions, and keeps the one in force", async () => {
    const folder = join(home, "data", ".feeds", "orders");
    mkdirSync(folder, { recursive: true });
    const path = (name: string): string => join(folder, name);
    for (const name of ["old.seen", "current.seen"]) {
      writeFileSync(path(name), "");
      utimesSync(path(name), 0, (NOW_MS - DAY_MS) / 1000);
    }
    const state = { cursor: null, last_pull_ms: null, has_more: 0, held: null };
    await store
      .insertInto("feeds")
      .values({
        name: "orders",
        seen_path: path("current.seen"),
        held_config_sha256: null,
        ...state,
      })
      .execute();
    await expireRuns(store, home, NOW_MS);
    assert.equal(existsSync(path("old.seen")), false);
    assert.equal(existsSync(path("current.seen")), true);
  });
});
