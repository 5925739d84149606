import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { after, before, describe, it } from "node:test";
import { createLogger } from "../../server/lib/log.ts";
import { startMetricsListener } from "../../server/lib/metrics-listener.ts";
import { createEgressWorld, type EgressWorld } from "../outlets/testing/egress-world.ts";
import { appendEvent } from "../store/event-log.ts";
import { LabelBound } from "./label-bound.ts";
import { createMetrics, type Metrics } from "./metrics.ts";

describe("the metrics of pipelines", () => {
  let world: EgressWorld;
  let metrics: Metrics;
  before(async () => {
    world = await createEgressWorld({
      hook: {
        kind: "webhook",
        dataset: "scores",
        url: "http://127.0.0.1:9/",
        secret: { env: "S" },
      },
    });
    metrics = createMetrics(world.store, () => 100_000);
  });
  after(() => world.close());

  const line = async (name: string) => {
    const text = await metrics.registry.metrics();
    return text.split("\n").filter((each) => each.startsWith(name) && !each.startsWith("#"));
  };
  const alert = (subject: string, kind: string) =>
    world.store
      .transaction()
      .execute((tx) =>
        appendEvent(tx, { type: "monitor.alert", subject, runId: null, details: { kind } }, 0),
      );

  it("show what the coordinator tells", async () => {
    metrics.runEnded("train", "finished", 3);
    metrics.runEnded("train", "failed", 400);
    metrics.outletDelivered("hook", "delivered", 2);
    metrics.outletDelivered("hook", "dead", 0);
    metrics.viewFilled("view", 4500);
    metrics.viewFilled("idle", 0);
    assert.deepEqual(await line("sluice_runs_total"), [
      'sluice_runs_total{kind="train",status="finished"} 1',
      'sluice_runs_total{kind="train",status="failed"} 1',
    ]);
    assert.ok(
      (await line("sluice_run_seconds_bucket")).includes(
        'sluice_run_seconds_bucket{le="5",kind="train"} 1',
      ),
    );
    assert.deepEqual(await line("sluice_outbox_deliveries_total"), [
      'sluice_outbox_deliveries_total{outlet="hook",result="delivered"} 2',
    ]);
    assert.deepEqual(await line("sluice_view_rows_total"), [
      'sluice_view_rows_total{outlet="view"} 4500',
    ]);
  });

  it("show the store as it is at each scrape", async () => {
    assert.deepEqual(await line("sluice_dataset_rows"), []);
    await world.landNumbers("a", 0, 5);
    await world.landNumbers("b", 0, 2);
    await world.pull("c", "SELECT 1 AS n", [{ name: "n", type: "integer" }], "quarantined");
    await world.store
      .insertInto("feeds")
      .values({
        name: "f",
        cursor: null,
        seen_path: null,
        last_pull_ms: 40_000,
        has_more: 0,
        held: "pii",
        held_config_sha256: null,
      })
      .execute();
    await alert("model:churn@3", "drift");
    await alert("model:churn@4", "drift");
    await alert("model:churn@4", "degradation");
    for (let scrape = 0; scrape < 2; scrape += 1) {
      assert.deepEqual(await line("sluice_dataset_rows"), [
        'sluice_dataset_rows{dataset="scores"} 7',
      ]);
      assert.deepEqual(await line("sluice_batches"), [
        'sluice_batches{dataset="scores",status="landed"} 2',
        'sluice_batches{dataset="scores",status="quarantined"} 1',
      ]);
      assert.deepEqual(await line("sluice_feed_"), [
        'sluice_feed_lag_seconds{feed="f"} 60',
        'sluice_feed_held{feed="f"} 1',
      ]);
      assert.deepEqual(await line("sluice_outbox_pending"), [
        'sluice_outbox_pending{outlet="hook"} 2',
      ]);
      assert.deepEqual(await line("sluice_monitor_alerts_total"), [
        'sluice_monitor_alerts_total{model="churn",kind="drift"} 2',
        'sluice_monitor_alerts_total{model="churn",kind="degradation"} 1',
      ]);
      assert.deepEqual(await line("sluice_events_total"), [
        'sluice_events_total{type="dataset.versioned"} 2',
        'sluice_events_total{type="batch.landed"} 2',
        'sluice_events_total{type="monitor.alert"} 3',
      ]);
      assert.deepEqual(await line("sluice_queue_runs"), [
        'sluice_queue_runs{status="queued"} 0',
        'sluice_queue_runs{status="running"} 0',
      ]);
    }
  });

  it("name nothing `_total` that is no counter", async () => {
    const all = await metrics.registry.getMetricsAsJSON();
    for (const { name, type } of all) {
      assert.equal(name.endsWith("_total"), String(type) === "counter", name);
    }
  });

  it("are served on a port of their own, and nothing else is", async () => {
    const listener = await startMetricsListener(metrics.registry, "127.0.0.1", 0);
    const url = `http://127.0.0.1:${listener.port}`;
    const response = await fetch(`${url}/metrics`);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /process_cpu_seconds_total/);
    assert.equal((await fetch(url)).status, 404);
    assert.equal((await fetch(`${url}/metrics`, { method: "POST" })).status, 404);
    await assert.rejects(
      startMetricsListener(metrics.registry, "127.0.0.1", listener.port),
      /cannot serve metrics on 127\.0\.0\.1:\d+: .*EADDRINUSE/,
    );
    await listener.close();
  });

  it("keep label values bounded", () => {
    const bound = new LabelBound(2);
    assert.deepEqual(
      ["a", "b", "c", "a", "d"].map((value) => bound.of(value)),
      ["a", "b", "(others)", "a", "(others)"],
    );
  });
});

describe("the log of pipelines", () => {
  it("has the server's fields", async () => {
    const stream = new PassThrough();
    createLogger("info", "pipelines", stream).info({ run: "r" }, "hello");
    const [chunk] = (await once(stream, "data")) as [Buffer];
    const record = JSON.parse(chunk.toString()) as Record<string, unknown>;
    assert.deepEqual(Object.keys(record), ["level", "time", "component", "run", "msg"]);
    assert.match(String(record["time"]), /^\d{4}-\d\d-\d\dT.*Z$/);
  });
});
