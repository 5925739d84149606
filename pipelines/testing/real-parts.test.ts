import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { openContainer } from "../../protocols/repository/azure-container.ts";
import { killLeftRunning, until } from "../../server/testing/serve-process.ts";
import { needs } from "../../server/testing/skip.ts";
import type { WatchedWindow } from "../monitors/watched-window.ts";
import { verifyEvents } from "../store/event-log.ts";
import { makeOrders, type Regime } from "./orders.ts";
import {
  MODEL,
  PREDICTIONS,
  type RealParts,
  startRealParts,
  VIEW_ROLE,
  VIEW_SCHEMA,
  WEBHOOK_SECRET,
} from "./real-parts.ts";
import {
  askAbout,
  believedRows,
  pollAll,
  type Served,
  tellLabels,
  toOutcomes,
} from "./shop-client.ts";
import { insertOrders, LOGINS, MARTS, queryAs, type Row, SOURCE } from "./shop-database.ts";

const DAY_MS = 86_400_000;
const FIRST_DAY_MS = (Math.floor(Date.now() / DAY_MS) - 20) * DAY_MS;
const LATE_ROWS = 5;
const WINDOW_ROWS = 200;

/** One life from the first row to the second version, in steps that build on each other. */
describe("the loop over real parts", needs("postgres", "redis"), () => {
  let parts: RealParts;
  let modelUrl = "";
  let inserted = 0;
  let asked = 0;

  before(async () => {
    parts = await startRealParts();
    modelUrl = `${parts.httpUrl}/v2/models/${MODEL}`;
    // The first message is not taken: the outbox must bring it again.
    parts.webhook.answer = (response) => {
      const status = parts.webhook.received.length === 1 ? 503 : 204;
      response.writeHead(status).end();
    };
  });
  after(async () => {
    await parts?.close();
    await killLeftRunning();
  });

  /** A day's orders, and a few of the day before that come late, in one transaction. */
  const addDay = async (day: number, regime: Regime, count = 300) => {
    const next = (fromMs: number, rows: number) => {
      const firstId = inserted + 1;
      inserted += rows;
      return makeOrders({ seed: firstId, firstId, count: rows, fromMs, regime });
    };
    const fromMs = FIRST_DAY_MS + day * DAY_MS;
    const late = day === 0 ? [] : next(fromMs - DAY_MS, LATE_ROWS);
    await insertOrders(parts.postgres, [...late, ...next(fromMs, count)]);
  };
  const rowsOf = async (dataset: string, version: number | null = null) => {
    const versions = parts.store.selectFrom("dataset_versions").where("dataset", "=", dataset);
    const asOf = version === null ? versions : versions.where("version", "<=", version);
    const found = await asOf.select((all) => all.fn.max("rows").as("rows")).executeTakeFirst();
    return Number(found?.rows ?? 0);
  };
  const whenLanded = () =>
    until(`${inserted} orders`, async () => (await rowsOf("orders")) >= inserted);
  const published = () =>
    parts.store
      .selectFrom("candidates")
      .selectAll()
      .where("stage", "=", "published")
      .orderBy("version")
      .execute();
  const windowOf = async (version: number, number: number) => {
    const found = await parts.store
      .selectFrom("windows")
      .select("result_json")
      .where("version", "=", version)
      .where("number", "=", number)
      .executeTakeFirst();
    return found?.result_json == null ? null : (JSON.parse(found.result_json) as WatchedWindow);
  };
  const eventsOf = (type: string) =>
    parts.store.selectFrom("events").select("seq").where("type", "=", type).execute();
  const send = async (count: number, regime: Regime): Promise<Served> => {
    asked += 1;
    const firstId = 1_000_000 * asked;
    return await askAbout(
      modelUrl,
      makeOrders({ seed: firstId, firstId, count, fromMs: 0, regime }),
    );
  };
  /** Traffic of a window's size, until it has been looked at. */
  const fillWindow = async (number: number, regime: Regime) => {
    const served = await send(WINDOW_ROWS, regime);
    await until(`window ${number}`, async () => (await windowOf(1, number)) !== null);
    return served;
  };

  it("takes days from PostgreSQL, late rows too, and publishes a first model to Azurite", async () => {
    for (const day of [0, 1, 2, 3]) await addDay(day, "usual");
    await whenLanded();
    await addDay(4, "usual");
    await whenLanded();
    assert.equal(await rowsOf("orders"), inserted);
    await until("a first version", async () => (await published()).length === 1);
    const credentials = { kind: "connection-string" } as const;
    const { connectionString } = parts.azurite;
    const { client } = await openContainer(parts.repository, { ...credentials, connectionString });
    const path = `shop/models/${MODEL}/versions/1/model.onnx`;
    assert.equal(await client.getBlobClient(path).exists(), true);
  });

  it("serves it as soon as Redis tells, with null for what is missing", async () => {
    const isServed = () =>
      send(1, "usual").then(
        () => true,
        () => false,
      );
    await until("served", isServed);
    const { version, answered } = await send(20, "usual");
    assert.equal(version, "1");
    for (const { probability } of answered) assert.ok(probability >= 0 && probability <= 1);
  });

  it("measures a quiet window by labels from the endpoint and from a REST feed", async () => {
    const { answered } = await fillWindow(1, "usual");
    const half = WINDOW_ROWS / 2;
    assert.equal(await tellLabels(modelUrl, answered.slice(0, half)), half);
    parts.outcomes.outcomes.push(...toOutcomes(answered.slice(half), 1));
    // More than either half: both ways count.
    const coverage = async () => (await windowOf(1, 1))?.performance?.coverage ?? 0;
    await until("labels", async () => (await coverage()) >= 0.8);
    const result = await windowOf(1, 1);
    assert.equal((await eventsOf("monitor.alert")).length, 0);
    assert.ok((result?.performance?.realised ?? 0) > 0.6, JSON.stringify(result?.performance));
    assert.ok(parts.outcomes.laterPages() > 0);
    assert.equal(parts.outcomes.refused(), 0);
  });

  it("finds the injected drift, trains anew, and swaps without a failed request", async () => {
    for (const day of [5, 6]) await addDay(day, "changed", 400);
    await whenLanded();
    await fillWindow(2, "changed");
    await fillWindow(3, "changed");
    await until("the alert", async () => (await eventsOf("monitor.alert")).length > 0);
    // Only data that came after it may teach.
    await addDay(7, "changed", 400);
    const versions = new Set<string>();
    await until("version 2", async () => {
      versions.add((await send(2, "changed")).version);
      return versions.has("2");
    });
    assert.deepEqual([...versions], ["1", "2"]);
    const [, second] = await published();
    assert.equal(second?.version, 2);
    assert.match(second?.reason ?? "", /^drift in window \d+ of version 1: channel/);
    const { change } = JSON.parse(second?.evaluation_json ?? "{}");
    assert.ok(change.low > 0, `better than the champion beyond doubt: ${JSON.stringify(change)}`);
  });

  it("explains the second version, back to the batches that it learnt from", async () => {
    const explained = await parts.command("explain", `${MODEL}@2`);
    assert.match(explained, /drift in window \d+ of version 1: channel/);
    const lineage = await parts.command("lineage", `${MODEL}@2`);
    assert.match(lineage, /batch:/);
    assert.match(lineage, /feed:orders|feed orders/);
  });

  it("gives every prediction once by each of the three ways out", async () => {
    await addDay(8, "changed");
    await whenLanded();
    const [first] = await published();
    const due = inserted - (await rowsOf("orders", first?.dataset_version ?? 0));
    await until("all scored", async () => (await rowsOf(PREDICTIONS)) >= due);
    const view = () =>
      queryAs(parts.postgres, LOGINS.analyst, MARTS, [
        `SELECT * FROM ${VIEW_SCHEMA}.${PREDICTIONS}`,
      ]);
    await parts.postgres.run(`GRANT ${VIEW_ROLE} TO ${LOGINS.analyst}`);
    await until("all in the view", async () => (await view()).length >= due);
    await until(
      "all pushed",
      async () => believedRows(parts.webhook, WEBHOOK_SECRET).length >= due,
    );
    const polled = await pollAll(`${parts.apiUrl}/v1/feeds/polled`);
    const ids = (rows: readonly Row[]) => rows.map((row) => Number(row["order_id"])).sort();
    const wanted = ids(polled);
    assert.equal(wanted.length, due);
    assert.equal(new Set(wanted).size, due);
    assert.deepEqual(ids(await view()), wanted);
    assert.deepEqual(ids(believedRows(parts.webhook, WEBHOOK_SECRET)), wanted);
    assert.ok(
      parts.webhook.received.length >
        new Set(parts.webhook.received.map(({ headers }) => headers["webhook-id"])).size,
    );
    const versions = new Set(polled.map((row) => Number(row["model_version"])));
    assert.deepEqual([...versions].sort(), [1, 2]);
  });

  it("shows the view to a login that may only read, and an e-mail address to nobody", async () => {
    const asAnalyst = (statement: string) =>
      queryAs(parts.postgres, LOGINS.analyst, MARTS, [statement]);
    const view = `${VIEW_SCHEMA}.${PREDICTIONS}`;
    for (const { email } of await asAnalyst(`SELECT email FROM ${view}`)) {
      assert.match(String(email), /^[0-9a-f]{32}$/);
    }
    for (const statement of [`INSERT INTO ${view} (order_id) VALUES (1)`, `DELETE FROM ${view}`]) {
      await assert.rejects(asAnalyst(statement), /permission denied/);
    }
    const asReader = ["INSERT INTO orders SELECT * FROM orders LIMIT 1"];
    await assert.rejects(
      queryAs(parts.postgres, LOGINS.reader, SOURCE, asReader),
      /permission denied/,
    );
  });

  it("ends politely, with nothing quarantined or failed and a whole event log", async () => {
    parts.up.kill("SIGTERM");
    assert.equal((await parts.up.ended).code, 0);
    const verified = await verifyEvents(parts.store);
    assert.ok("count" in verified, JSON.stringify(verified));
    const runs = parts.store.selectFrom("runs").select(["kind", "error"]);
    assert.deepEqual(await runs.where("status", "=", "failed").execute(), []);
    const batches = parts.store.selectFrom("batches").select(["id", "problems_json"]);
    assert.deepEqual(await batches.where("status", "=", "quarantined").execute(), []);
  });
});
