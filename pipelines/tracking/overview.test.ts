import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Overview, overviewOf } from "./overview.ts";
import { overviewToMermaid } from "./overview-to-mermaid.ts";
import { fillLife } from "./testing/fixture-life.ts";
import { type FixtureStore, openFixtureStore } from "./testing/fixture-store.ts";

let life: FixtureStore;
let overview: Overview;
before(async () => {
  life = await openFixtureStore();
  await fillLife(life);
  overview = await overviewOf(life.store);
});
after(() => life.close());

function countOf(from: string, to: string): number | null {
  return overview.flows.find((flow) => flow.from === from && flow.to === to)?.count ?? null;
}

describe("the overview of a life", () => {
  it("counts what came in and what was kept out", () => {
    assert.equal(countOf("feeds", "job-pull"), 3, "the failed pull brought nothing");
    assert.equal(countOf("job-pull", "batch"), 3);
    assert.equal(countOf("batch", "job-check"), 3);
    assert.equal(countOf("job-check", "dataset"), 2);
    assert.equal(countOf("job-check", "quarantine"), 1);
    assert.equal(countOf("quarantine", "job-check"), null, "none was released");
  });

  it("draws a candidate's steps one after another, as far as each came", () => {
    assert.equal(countOf("job-train", "candidate"), 2);
    assert.equal(countOf("candidate", "job-compile"), 2);
    assert.equal(countOf("job-compile", "job-vet"), 2);
    assert.equal(countOf("job-vet", "job-evaluate"), 2);
    assert.equal(countOf("job-evaluate", "job-publish"), 1);
    assert.equal(countOf("job-evaluate", "refused"), 1);
    assert.equal(countOf("model", "job-evaluate"), 1, "the second met the champion");
    assert.equal(countOf("candidate", "job-evaluate"), null);
    assert.equal(countOf("job-publish", "model"), 1);
  });

  it("tells predictions from batches that came in", () => {
    assert.equal(countOf("batch", "job-score"), 1);
    assert.equal(countOf("job-score", "predictions"), 1);
    assert.equal(countOf("job-score", "batch"), null);
  });

  it("closes the circle from the server to an alert", () => {
    assert.equal(countOf("model", "serve"), 1);
    assert.equal(countOf("job-collect", "capture"), 1);
    assert.equal(countOf("capture", "job-observe"), 1);
    assert.equal(countOf("job-observe", "window"), 1);
    assert.equal(countOf("window", "alert"), 1);
    assert.equal(countOf("alert", "job-train"), null, "no training gave it as its reason");
  });

  it("follows labels, alerts and messages when there are any", async () => {
    const other = await openFixtureStore();
    try {
      await fillLife(other);
      await other.run(
        { id: "collect-2", kind: "collect", subject: "capture:incoming" },
        { in: ["source:capture/1-1-1.ndjson"], out: ["labels:collect-2"] },
      );
      const reason = "drift in window 1 of version 1: country ('NO' is gone)";
      await other.run({ id: "train-3", kind: "train", subject: "model:churn", reason });
      await other.store
        .updateTable("windows")
        .set({ result_json: JSON.stringify({ performance: { coverage: 0.9 } }) })
        .execute();
      const message = {
        outlet: "hook",
        batch_seq: 4,
        batch_id: "scored-1",
        first_row: 0,
        rows: 10,
        attempts: 1,
        next_at_ms: 0,
        last_error: null,
        created_at_ms: 1,
        delivered_at_ms: null,
      };
      await other.insert("outbox", { ...message, id: "m1", status: "delivered" });
      await other.insert("outbox", { ...message, id: "m2", status: "pending" });
      const { flows } = await overviewOf(other.store);
      const has = (from: string, to: string, count: number) =>
        flows.some((flow) => flow.from === from && flow.to === to && flow.count === count);
      assert.ok(has("serve", "job-collect", 1));
      assert.ok(has("job-collect", "labels", 1));
      assert.ok(has("labels", "job-observe", 1));
      assert.ok(has("alert", "job-train", 1));
      assert.ok(has("predictions", "outlet-hook", 1), "what is pending has not left");
    } finally {
      await other.close();
    }
  });

  it("is a picture in Mermaid with its counts", () => {
    const picture = overviewToMermaid(overview);
    assert.match(picture, /^flowchart LR\n/);
    const pull = /(n\d+)\(\["pull"\]\)/.exec(picture)?.[1];
    const batch = /(n\d+)\[\("batches"\)\]/.exec(picture)?.[1];
    assert.ok(picture.includes(`  ${pull} -->|3| ${batch}\n`));
  });

  it("of an empty store shows nothing", async () => {
    const empty = await openFixtureStore();
    try {
      assert.deepEqual(await overviewOf(empty.store), { nodes: [], flows: [] });
    } finally {
      await empty.close();
    }
  });
});
