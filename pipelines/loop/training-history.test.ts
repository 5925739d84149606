import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ask } from "../store/asks.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { enqueue } from "./run-queue.ts";
import type { ModelState } from "./snapshot.ts";
import { makeCandidate, makeSnapshot } from "./testing/make-snapshot.ts";
import {
  FACTS,
  loadedProject,
  openStoreHome,
  plannedRun,
  type StoreHome,
} from "./testing/store-kit.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = 1_000 * HOUR_MS;

describe("what is read of a model's trainings", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  async function read(): Promise<ModelState> {
    const snapshot = await readSnapshot({
      store: at.store,
      project: loadedProject(),
      config: makeSnapshot().config,
      champions: new Map(),
      hasIndex: true,
      captureFiles: [],
      nowMs: NOW_MS,
    });
    const state = snapshot.models.get("delay");
    assert.ok(state !== undefined);
    return state;
  }

  /** A training that ended, and the candidate that it made. */
  async function train(
    hoursAgo: number,
    status: "finished" | "failed",
    {
      stage = null,
      reason = "by a rule",
    }: { stage?: "refused" | "published" | null; reason?: string } = {},
  ): Promise<void> {
    const atMs = NOW_MS - hoursAgo * HOUR_MS;
    const key = `t${hoursAgo}`;
    const run = plannedRun(key, { kind: "train", subject: "model:delay", reason, inputs: [] });
    // A vetting by its spec: nothing of it is read.
    await enqueue(at.store, [{ ...run, kind: "vet" } as never], FACTS, atMs);
    await at.store
      .updateTable("runs")
      .set({ kind: "train", status })
      .where("key", "=", key)
      .execute();
    if (stage === null) return;
    const { id } = await at.store
      .selectFrom("runs")
      .select("id")
      .where("key", "=", key)
      .executeTakeFirstOrThrow();
    const row = makeCandidate({ id, train_run_id: id, stage, created_at_ms: atMs });
    await at.store.insertInto("candidates").values(row).execute();
  }

  it("counts those that failed as well", async () => {
    await train(30, "finished", { stage: "published" });
    await train(5, "failed");
    await train(2, "failed");
    const { training } = await read();
    assert.equal(training.lastStartedMs, NOW_MS - 2 * HOUR_MS);
    assert.deepEqual([training.startedWithinDay, training.failedInRow], [2, 2]);
    assert.equal(training.hasPublished, true);
  });

  it("knows of no champion when nobody asked the repository", async () => {
    assert.equal((await read()).champion, "unknown");
  });

  it("does not count what a clock that was set back puts into the future", async () => {
    await train(-3, "finished", { stage: "refused" });
    assert.equal((await read()).training.startedWithinDay, 0);
  });

  it("counts refusals from the last training that was asked for", async () => {
    await train(9, "finished", { stage: "refused" });
    await train(8, "finished", { stage: "refused" });
    assert.equal((await read()).training.refusedInRow, 2);
    await train(7, "finished", { stage: "refused", reason: "asked for" });
    assert.equal((await read()).training.refusedInRow, 1);
    await train(6, "finished", { stage: "refused" });
    assert.equal((await read()).training.refusedInRow, 2);
    await train(5, "finished", { stage: "published" });
    assert.equal((await read()).training.refusedInRow, 0);
  });

  it("gives the asks", async () => {
    await ask(at.store, "model:delay", NOW_MS);
    assert.match((await read()).forced ?? "", /^[0-9a-f]{12}$/);
  });
});
