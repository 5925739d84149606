import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findSubject } from "./find-subject.ts";
import { openFixtureStore } from "./testing/fixture-store.ts";

describe("an id that a run shares with what it made", () => {
  it("means the run; the kind before it means the other", async () => {
    const life = await openFixtureStore();
    try {
      await life.run({ id: "pull-7", kind: "pull", subject: "feed:orders" });
      await life.batch({ id: "pull-7", dataset: "orders", run_id: "pull-7" });
      assert.equal(await findSubject(life.store, "pull-7"), "run:pull-7");
      assert.equal(await findSubject(life.store, "batch:pull-7"), "batch:pull-7");
      await assert.rejects(findSubject(life.store, "pull-"), /expected one thing/);
    } finally {
      await life.close();
    }
  });
});
