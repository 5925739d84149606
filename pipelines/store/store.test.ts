import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { sql } from "kysely";
import { appendEvent, verifyEvents } from "./event-log.ts";
import { openLibsql } from "./libsql-database.ts";
import { openStore, type Store, storePath } from "./store.ts";

describe("the store", () => {
  let folder = "";
  let store: Store;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-store-"));
    store = await openStore(storePath(folder));
  });
  after(async () => {
    await store.destroy();
    rmSync(folder, { recursive: true });
  });

  const event = (n: number) =>
    store
      .transaction()
      .execute((tx) =>
        appendEvent(
          tx,
          { type: "batch.landed", subject: `batch:${n}`, runId: null, details: { n } },
          1000 + n,
        ),
      );

  it("chains events, and finds a changed one and a missing one", async () => {
    for (let n = 1; n <= 5; n += 1) assert.equal(await event(n), n);
    assert.deepEqual(await verifyEvents(store), { count: 5 });
    const raw = openLibsql(storePath(folder));
    assert.throws(() => raw.exec("UPDATE events SET type = 'x' WHERE seq = 3"), /append-only/);
    assert.throws(() => raw.exec("DELETE FROM events"), /append-only/);
    raw.exec(
      "DROP TRIGGER events_no_update; UPDATE events SET details_json = '{\"n\":4}' WHERE seq = 3",
    );
    assert.deepEqual(await verifyEvents(store), { problem: "event 3 was changed" });
    raw.exec("DROP TRIGGER events_no_delete; DELETE FROM events WHERE seq = 3");
    assert.deepEqual(await verifyEvents(store), { problem: "event 3 is gone" });
    raw.close();
  });

  it("lets one run of a key stand, and a new one after a failure", async () => {
    const run = (id: string) => ({
      id,
      kind: "pull",
      subject: "feed:a",
      key: "k",
      status: "queued" as const,
      reason: "test",
      spec_json: "{}",
      result_json: null,
      error: null,
      attempts: 0,
      lost_attempts: 0,
      transient_attempts: 0,
      interrupted_attempts: 0,
      folder: null,
      not_before_ms: 0,
      created_at_ms: 0,
      started_at_ms: null,
      ended_at_ms: null,
      claimed_by: null,
      git_commit: null,
      git_dirty: null,
      lockfile_sha256: null,
      config_sha256: "c",
      params_json: "{}",
    });
    await store.insertInto("runs").values(run("a")).execute();
    await assert.rejects(store.insertInto("runs").values(run("b")).execute(), /UNIQUE/);
    await store.updateTable("runs").set({ status: "failed" }).where("id", "=", "a").execute();
    await store.insertInto("runs").values(run("b")).execute();
  });

  it("refuses parameters that the binding would garble", async () => {
    for (const value of [true, new Date(), Number.NaN, undefined, {}, "a\0b"]) {
      await assert.rejects(sql`SELECT ${value}`.execute(store), TypeError, String(value));
    }
    const { rows } =
      await sql`SELECT ${2 ** 53 - 1} AS big, ${1.5} AS real, ${null} AS nil`.execute(store);
    assert.deepEqual(rows, [{ big: 2 ** 53 - 1, real: 1.5, nil: null }]);
  });

  it("undoes what a failed transaction did", async () => {
    await assert.rejects(
      store.transaction().execute(async (tx) => {
        await tx
          .insertInto("outlets")
          .values({ name: "o", batch_seq: 0, state_json: "{}" })
          .execute();
        throw new Error("no");
      }),
      /no/,
    );
    assert.deepEqual(await store.selectFrom("outlets").selectAll().execute(), []);
  });
});
