import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { plan } from "./plan.ts";
import { planOnce } from "./plan-once.ts";
import { readSnapshot } from "./read-snapshot.ts";
import { enqueue } from "./run-queue.ts";
import { makeBatch, makeSnapshot } from "./testing/make-snapshot.ts";
import { FACTS, loadedProject, openStoreHome, type StoreHome } from "./testing/store-kit.ts";

const ENDED_MS = Date.UTC(2026, 0, 10);

describe("the plan that is shown", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  const project = loadedProject({ feeds: {}, models: {} });
  const config = () => ({
    ...makeSnapshot().config,
    home: at.home,
    modelRepository: join(at.home, "models"),
    captureFolder: null,
  });

  it("says of what failed before why, and when it is tried again", async () => {
    await at.store.insertInto("batches").values(makeBatch("b1")).execute();
    const snapshot = await readSnapshot({
      store: at.store,
      project,
      config: config(),
      champions: new Map(),
      hasIndex: false,
      captureFiles: [],
      nowMs: ENDED_MS,
    });
    await enqueue(at.store, plan(snapshot).runs, FACTS, ENDED_MS);
    const failed = { status: "failed", error: "it is wrong", ended_at_ms: ENDED_MS } as const;
    await at.store.updateTable("runs").set(failed).execute();

    const soon = await planOnce(at.store, project, config(), {}, ENDED_MS + 5_000);
    assert.deepEqual(soon.runs, []);
    assert.deepEqual(soon.withheld, [
      {
        subject: "dataset:orders",
        reason: "check of batch:b1 failed once: it is wrong; next try in 15 s",
      },
    ]);
    const later = await planOnce(at.store, project, config(), {}, ENDED_MS + 20_000);
    assert.deepEqual(
      later.runs.map(({ kind, subject }) => [kind, subject]),
      [["check", "dataset:orders"]],
    );
    assert.deepEqual(later.withheld, []);
  });
});
