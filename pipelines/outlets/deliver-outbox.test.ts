import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, it } from "node:test";
import { sql } from "kysely";
import type { Store } from "../store/store.ts";
import { listDead, retryDead } from "./dead-letters.ts";
import { type DeliverOptions, deliverDue } from "./deliver-outbox.ts";
import { readFeed } from "./polled-feed.ts";
import {
  createEgressWorld,
  type EgressWorld,
  NUMBERS,
  projectWith,
} from "./testing/egress-world.ts";
import { startWebhookReceiver, type WebhookReceiver } from "./testing/webhook-receiver.ts";
import { verifyWebhook } from "./verify-webhook.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const DAY_MS = 24 * 3600_000;

interface Body {
  readonly outlet: string;
  readonly batch: string;
  readonly cursor: string;
  readonly rows: readonly { n: number }[];
}

describe("webhooks", () => {
  let receiver: WebhookReceiver;
  let world: EgressWorld;
  let nowMs = 0;

  beforeEach(async () => {
    nowMs = Date.now();
    receiver = await startWebhookReceiver();
    world = await createEgressWorld({});
    world.project = projectWith({ hook: hook() });
  });
  afterEach(async () => {
    await receiver.close();
    await world.close();
  });

  const hook = (more = {}) => ({
    kind: "webhook" as const,
    dataset: "scores",
    url: receiver.url,
    secret: { env: "HOOK_SECRET" },
    batchRows: 4,
    maxAttempts: 3,
    timeoutSecs: 5,
    ...more,
  });
  const deliver = (more: Partial<DeliverOptions> = {}) =>
    deliverDue({
      store: world.store,
      project: world.project,
      rows: world.rows,
      env: { HOOK_SECRET: SECRET },
      projectFolder: world.home,
      nowMs,
      signal: new AbortController().signal,
      ...more,
    });
  const bodies = () => receiver.received.map(({ body }) => JSON.parse(body) as Body);
  const numbers = () => bodies().flatMap(({ rows }) => rows.map(({ n }) => n));
  const fail = (status: number, headers = {}) => {
    receiver.answer = (response: ServerResponse) => response.writeHead(status, headers).end("no");
  };
  const succeed = () => fail(204);

  it("carry a batch in signed messages of at most batchRows, in order, and tell once", async () => {
    await world.landNumbers("a", 0, 10);
    const [done] = await deliver();
    assert.deepEqual(done, { outlet: "hook", delivered: 3, retried: 0, dead: 0, problem: null });
    assert.deepEqual(
      bodies().map(({ outlet, batch, rows }) => [outlet, batch, rows.length]),
      [4, 4, 2].map((count) => ["hook", "a", count]),
    );
    assert.deepEqual(numbers(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(new Set(bodies().map(({ cursor }) => cursor)).size, 3);
    for (const { headers, body } of receiver.received) {
      assert.equal(headers["content-type"], "application/json");
      const id = verifyWebhook(SECRET, headers, body, nowMs / 1000);
      assert.match(id, /^msg_[A-Za-z0-9_-]{24}$/);
      assert.throws(() => verifyWebhook(SECRET, headers, `${body} `, nowMs / 1000), /signature/);
    }
    await deliver();
    assert.equal(receiver.received.length, 3, "nothing twice");
    assert.deepEqual(await eventsOf(world.store, "outlet."), ["outlet.delivered"]);
  });

  it("start a new outlet at the first batch, and give a released one when it lands", async () => {
    world.project = projectWith({});
    await world.pull("held", "SELECT 100 AS n", NUMBERS, "quarantined");
    for (let at = 0; at < 30; at += 1) await world.landNumbers(`b${at}`, at, 1);
    world.project = projectWith({ hook: hook() });
    await world.land("held");
    await deliver();
    await deliver();
    assert.deepEqual(numbers(), [...Array.from({ length: 30 }, (_, at) => at), 100]);
  });

  it("do not lose a released batch whose old number they are past", async () => {
    await world.pull("held", "SELECT 100 AS n", NUMBERS, "quarantined");
    await world.landNumbers("a", 0, 2);
    await deliver();
    assert.deepEqual(numbers(), [0, 1], "nothing of what is held");
    await world.land("held");
    await world.landNumbers("b", 2, 1);
    await deliver();
    assert.deepEqual(numbers(), [0, 1, 100, 2]);
    const parts = { ...world, outlet: "hook", dataset: "scores" };
    const rest = bodies().map(({ cursor }) => readFeed(parts, cursor, { rows: 9, bytes: 999 }));
    assert.deepEqual(
      (await Promise.all(rest)).map(({ lines }) => lines.length),
      [2, 1, 0],
      "each message's cursor says how much of the order is behind it",
    );
  });

  it("try again later and later, in order, under one id, and give up after maxAttempts", async () => {
    await world.landNumbers("a", 0, 6);
    fail(500);
    assert.equal((await deliver())[0]?.retried, 1);
    assert.equal(receiver.received.length, 1, "the second message waits for the first");
    await deliver();
    assert.equal(receiver.received.length, 1, "not before it is due");
    nowMs += DAY_MS;
    await deliver();
    nowMs += DAY_MS;
    const [last] = await deliver();
    assert.deepEqual([last?.dead, last?.retried], [1, 1], "then the next has its turn");
    const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
    assert.deepEqual([new Set(ids.slice(0, 3)).size, new Set(ids).size], [1, 2]);
    nowMs += DAY_MS;
    succeed();
    await deliver();
    const [dead] = await listDead(world.store, "hook", 10);
    assert.deepEqual([dead?.attempts, dead?.lastError, dead?.rows], [3, "HTTP 500", 4]);
    assert.deepEqual(await eventsOf(world.store, "outlet."), ["outlet.failed"]);
    assert.equal(await retryDead(world.store, "other", dead?.id ?? "", nowMs), false);
    assert.equal(await retryDead(world.store, "hook", dead?.id ?? "", nowMs), true);
    await deliver();
    assert.deepEqual(numbers().slice(-4), [0, 1, 2, 3]);
    assert.deepEqual(await eventsOf(world.store, "outlet."), ["outlet.failed", "outlet.delivered"]);
  });

  it("give up at once at 410, and tell of the batch once", async () => {
    await world.landNumbers("a", 0, 10);
    fail(410);
    assert.equal((await deliver())[0]?.dead, 3);
    assert.deepEqual(await eventsOf(world.store, "outlet."), ["outlet.failed"]);
  });

  it("wait as Retry-After says", async () => {
    await world.landNumbers("a", 0, 1);
    fail(429, { "retry-after": "7200" });
    await deliver();
    succeed();
    nowMs += 7100_000;
    await deliver();
    assert.equal(receiver.received.length, 1);
    nowMs += 200_000;
    assert.equal((await deliver())[0]?.delivered, 1);
  });

  it("follow no redirect", async (t) => {
    const other = await startWebhookReceiver();
    t.after(() => other.close());
    await world.landNumbers("a", 0, 1);
    fail(307, { location: other.url });
    assert.equal((await deliver())[0]?.retried, 1);
    assert.equal(other.received.length, 0);
    assert.match(await lastError(world.store), /HTTP 307; redirects are not followed/);
  });

  it("do not wait for a receiver that hangs, and outlets do not wait for each other", async (t) => {
    const slow = await startWebhookReceiver();
    t.after(() => slow.close());
    slow.answer = () => undefined;
    world.project = projectWith({ slow: hook({ url: slow.url, timeoutSecs: 0.2 }), hook: hook() });
    await world.landNumbers("a", 0, 10);
    const done = await deliver();
    assert.deepEqual(
      done.map(({ outlet, delivered, retried }) => [outlet, delivered, retried]),
      [
        ["slow", 0, 1],
        ["hook", 3, 0],
      ],
    );
    assert.match(await lastError(world.store), /no answer within 0.2 s/);
  });

  it("say why a receiver cannot be reached, without its URL", async () => {
    world.project = projectWith({ hook: hook({ url: "http://u:secret-word@127.0.0.1:9/" }) });
    await world.landNumbers("a", 0, 1);
    await deliver();
    assert.doesNotMatch(await lastError(world.store), /secret-word/);
  });

  it("count nothing against the receiver when the stop comes, or the secret is missing", async () => {
    await world.landNumbers("a", 0, 1);
    const stop = new AbortController();
    receiver.answer = () => stop.abort();
    await deliver({ signal: stop.signal });
    const [problem] = await deliver({ env: {} });
    assert.match(problem?.problem ?? "", /secret \{env: HOOK_SECRET\} is not set/);
    assert.equal((await deliver({ env: {} }))[0]?.problem, null, "it waits");
    nowMs += DAY_MS;
    const [wrong] = await deliver({ env: { HOOK_SECRET: "hunter2" } });
    assert.match(wrong?.problem ?? "", /whsec_.*not shown/);
    assert.doesNotMatch(wrong?.problem ?? "", /hunter2/);
    const [row] = await world.store.selectFrom("outbox").selectAll().execute();
    assert.deepEqual([row?.status, row?.attempts], ["pending", 0]);
    assert.deepEqual(await eventsOf(world.store, "outlet."), ["outlet.failed"]);
    receiver.answer = (response) => response.writeHead(204).end();
    nowMs += DAY_MS;
    assert.equal((await deliver())[0]?.delivered, 1);
  });

  it("go twice under one id when the record of the first was lost, and are never lost", async () => {
    await world.landNumbers("a", 0, 2);
    await refuseRecords(world.store);
    const [failed] = await deliver();
    assert.match(failed?.problem ?? "", /crash/);
    assert.equal(receiver.received.length, 1, "it was posted");
    await allowRecords(world.store);
    nowMs += DAY_MS;
    assert.equal((await deliver())[0]?.delivered, 1);
    const ids = receiver.received.map(({ headers }) => headers["webhook-id"]);
    assert.deepEqual([ids.length, new Set(ids).size], [2, 1]);
    assert.deepEqual(bodies()[0], bodies()[1]);
  });

  it("forget what was delivered after a week, and not before", async () => {
    await world.landNumbers("a", 0, 2);
    await deliver();
    nowMs += 6 * DAY_MS;
    await deliver();
    assert.equal((await world.store.selectFrom("outbox").selectAll().execute()).length, 1);
    nowMs += 2 * DAY_MS;
    await deliver();
    assert.deepEqual(await world.store.selectFrom("outbox").selectAll().execute(), []);
    await deliver();
    assert.equal(receiver.received.length, 1, "and it does not come again");
  });
});

async function eventsOf(store: Store, prefix: string): Promise<string[]> {
  const events = await store
    .selectFrom("events")
    .select("type")
    .where("type", "like", `${prefix}%`)
    .orderBy("seq")
    .execute();
  return events.map(({ type }) => type);
}

async function lastError(store: Store): Promise<string> {
  const row = await store
    .selectFrom("outbox")
    .select("last_error")
    .where("last_error", "is not", null)
    .executeTakeFirstOrThrow();
  return row.last_error ?? "";
}

/** Fails the write after the post, as a crash there would. */
async function refuseRecords(store: Store): Promise<void> {
  await sql`CREATE TRIGGER crash BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'crash'); END`.execute(
    store,
  );
}

async function allowRecords(store: Store): Promise<void> {
  await sql`DROP TRIGGER crash`.execute(store);
}
