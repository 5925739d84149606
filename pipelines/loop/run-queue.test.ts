import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ask, readAsks, withdraw } from "../store/asks.ts";
import { dueRuns, enqueue, markStarted, requeue } from "./run-queue.ts";
import { FACTS, openStoreHome, plannedRun, type StoreHome } from "./testing/store-kit.ts";

const NOW_MS = 1_000_000;

describe("the run queue", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  const enqueued = (keys: readonly string[], nowMs = NOW_MS) =>
    enqueue(
      at.store,
      keys.map((key) => plannedRun(key)),
      FACTS,
      nowMs,
    );
  async function first() {
    const [run] = await dueRuns(at.store, 1, NOW_MS);
    assert.ok(run !== undefined);
    return run;
  }

  it("takes a key once, while it waits, runs, and after it finished", async () => {
    assert.equal(await enqueued(["a", "b"]), 2);
    assert.equal(await enqueued(["a", "b"]), 0);
    await at.store.updateTable("runs").set({ status: "finished" }).execute();
    assert.equal(await enqueued(["a", "c"]), 1);
  });

  it("takes a key that failed again, later every time", async () => {
    let nowMs = NOW_MS;
    assert.equal(await enqueued(["a"], nowMs), 1);
    for (const waitMs of [20_000, 40_000, 80_000]) {
      const failed = { status: "failed", ended_at_ms: nowMs } as const;
      await at.store.updateTable("runs").set(failed).where("status", "=", "queued").execute();
      assert.equal(await enqueued(["a"], nowMs + waitMs - 1), 0);
      nowMs += waitMs;
      assert.equal(await enqueued(["a"], nowMs), 1);
    }
  });

  it("waits no longer when the clock was set back", async () => {
    await enqueued(["a"]);
    const failed = { status: "failed", ended_at_ms: NOW_MS } as const;
    await at.store.updateTable("runs").set(failed).execute();
    assert.equal(await enqueued(["a"], NOW_MS + 1), 0);
    assert.equal(await enqueued(["a"], NOW_MS - 500_000), 1);
    await at.store
      .updateTable("runs")
      .set({ not_before_ms: NOW_MS + 300_000 })
      .execute();
    assert.equal((await dueRuns(at.store, 5, NOW_MS)).length, 0);
    assert.equal((await dueRuns(at.store, 5, NOW_MS - 1)).length, 1);
  });

  it("takes an ask as answered once its run is queued, and not before", async () => {
    await ask(at.store, "feed:f", NOW_MS);
    await ask(at.store, "feed:f", NOW_MS + 1);
    const nonce = (await readAsks(at.store)).get("feed:f") ?? "";
    const pull = plannedRun("p", { subject: "feed:f", nonce });
    await enqueue(at.store, [plannedRun("scheduled", { subject: "feed:f" })], FACTS, NOW_MS);
    assert.equal((await readAsks(at.store)).size, 1);
    await enqueue(at.store, [pull], FACTS, NOW_MS);
    assert.equal((await readAsks(at.store)).size, 0);
    await ask(at.store, "feed:f", NOW_MS + 2);
    assert.notEqual((await readAsks(at.store)).get("feed:f"), nonce);
  });

  it("has no run that waits for its next try wait on when somebody asks for it", async () => {
    const others = plannedRun("o", { subject: "feed:g" });
    await enqueue(at.store, [plannedRun("p", { subject: "feed:f" }), others], FACTS, NOW_MS);
    await at.store
      .updateTable("runs")
      .set({ not_before_ms: NOW_MS + 60_000 })
      .execute();
    assert.deepEqual(await dueRuns(at.store, 5, NOW_MS), []);
    await ask(at.store, "feed:f", NOW_MS);
    const due = await dueRuns(at.store, 5, NOW_MS);
    assert.deepEqual(
      due.map(({ subject }) => subject),
      ["feed:f"],
    );
  });

  it("takes back one's own ask, and no other's", async () => {
    const mine = await ask(at.store, "feed:f", NOW_MS);
    assert.equal(await ask(at.store, "feed:f", NOW_MS), null);
    await withdraw(at.store, "feed:f", mine ?? "");
    assert.equal((await readAsks(at.store)).size, 0);
    await ask(at.store, "feed:f", NOW_MS);
    await withdraw(at.store, "feed:f", mine ?? "");
    assert.equal((await readAsks(at.store)).size, 1);
  });

  it("notes what a run reads, and says when a training begins", async () => {
    const spec = { dataset: { name: "d", version: 1 } };
    const change = { kind: "train", subject: "model:m", inputs: ["dataset:d@1"], spec };
    const train = plannedRun("t", change as never);
    await enqueue(at.store, [train], FACTS, NOW_MS);
    const edges = await at.store.selectFrom("edges").select(["direction", "subject"]).execute();
    assert.deepEqual(edges, [{ direction: "in", subject: "dataset:d@1" }]);
    assert.deepEqual(await at.events(), ["train.triggered"]);
  });

  it("gives the oldest first, at most as many as asked for, none before its time", async () => {
    await enqueued(["late"], NOW_MS);
    await enqueued(["early"], NOW_MS - 10);
    await enqueued(["waits"], NOW_MS - 20);
    const waits = { not_before_ms: NOW_MS + 1 };
    await at.store.updateTable("runs").set(waits).where("key", "=", "waits").execute();
    const keys = async (limit: number, nowMs: number) =>
      (await dueRuns(at.store, limit, nowMs)).map(({ key }) => key);
    assert.deepEqual(await keys(5, NOW_MS), ["early", "late"]);
    assert.deepEqual(await keys(1, NOW_MS), ["early"]);
    assert.deepEqual(await keys(5, NOW_MS + 1), ["waits", "early", "late"]);
  });

  it("starts a run once, whoever else has seen it waiting", async () => {
    await enqueued(["a"]);
    const run = await first();
    assert.equal(await markStarted(at.store, run, "/f/1", "me", NOW_MS), true);
    assert.equal(await markStarted(at.store, run, "/g/1", "other", NOW_MS), false);
    const { status, attempts, folder, claimed_by } = await at.run(run.id);
    assert.deepEqual([status, attempts, folder, claimed_by], ["running", 1, "/f/1", "me"]);
  });

  it("puts back only the attempt that runs", async () => {
    await enqueued(["a"]);
    const run = await first();
    await markStarted(at.store, run, "/f/1", "me", NOW_MS);
    const attempt = await at.run(run.id);
    await requeue(at.store, attempt, "lost", 5);
    const queued = await at.run(run.id);
    assert.deepEqual([queued.status, queued.error, queued.not_before_ms], ["queued", "lost", 5]);
    await markStarted(at.store, queued, "/f/2", "other", NOW_MS);
    await requeue(at.store, attempt, "late news of the first attempt", 6);
    assert.equal((await at.run(run.id)).status, "running");
    await at.store.updateTable("runs").set({ status: "finished" }).execute();
    await requeue(at.store, { ...attempt, attempts: 2 }, "late news", 7);
    assert.equal((await at.run(run.id)).status, "finished");
  });
});
