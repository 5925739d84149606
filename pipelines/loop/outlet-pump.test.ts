import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createLogger } from "../../server/lib/log.ts";
import { needs } from "../../server/testing/skip.ts";
import { startPostgres, type TestPostgres } from "../feeds/testing/postgres.ts";
import { createMetrics } from "../observe/metrics.ts";
import { createEgressWorld, type EgressWorld } from "../outlets/testing/egress-world.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../outlets/testing/webhook-receiver.ts";
import { OutletPump } from "./outlet-pump.ts";

describe("the outlet pump", needs("postgres"), () => {
  let postgres: TestPostgres;
  let receiver: WebhookReceiver;
  let world: EgressWorld;
  before(async () => {
    postgres = await startPostgres();
    receiver = await startWebhookReceiver();
    world = await createEgressWorld({
      hook: {
        kind: "webhook",
        dataset: "scores",
        url: receiver.url,
        secret: { env: "HOOK_SECRET" },
        batchRows: 4,
      },
      view: {
        kind: "view",
        dataset: "scores",
        url: { env: "VIEW_URL" },
        schema: "out",
        role: "readers",
      },
    });
  });
  after(async () => {
    await world.close();
    await receiver.close();
    await postgres.stop();
  });

  it("keeps webhooks and views up, and counts messages of the one and rows of the other", async () => {
    const metrics = createMetrics(world.store);
    const loaded = { project: world.project, file: "", folder: world.home, sha256: "" };
    const pump = new OutletPump({
      store: world.store,
      rows: world.rows,
      env: {
        HOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
        VIEW_URL: postgres.urlOf("postgres"),
      },
      project: () => loaded,
      metrics,
      log: createLogger("silent", "test"),
    });
    const totals = async () =>
      (await metrics.registry.metrics())
        .split("\n")
        .filter((line) => /^sluice_(outbox_deliveries|view_rows)_total\{/.test(line));
    const stop = new AbortController();
    const running = pump.run(stop.signal);
    await world.landNumbers("a", 0, 10);
    for (let look = 0; look < 200 && (await totals()).length < 2; look += 1) await delay(50);
    stop.abort();
    await running;
    assert.deepEqual(await totals(), [
      'sluice_outbox_deliveries_total{outlet="hook",result="delivered"} 3',
      'sluice_view_rows_total{outlet="view"} 10',
    ]);
  });
});
