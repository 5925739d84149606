import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { needs } from "../../server/testing/skip.ts";
import { JobError } from "../jobs/job-error.ts";
import type { DatasetConfig, Feed } from "../project/project.ts";
import { startPostgres, type TestPostgres } from "./testing/postgres.ts";
import { createPullKit, type PullKit } from "./testing/pull-kit.ts";

const KEYED: DatasetConfig = { key: ["id"] };

function feedOf(column: string, more: Partial<Feed> = {}, lagSecs = 3600): Feed {
  return {
    dataset: "orders",
    connector: {
      kind: "postgres",
      url: { env: "DB" },
      table: "shop.orders",
      cursor: { column, lagSecs },
      statementTimeoutSecs: 20,
    },
    batchRows: 100_000,
    ...more,
  };
}

describe("a feed of PostgreSQL", needs("postgres"), () => {
  let server: TestPostgres;
  let kit: PullKit;
  before(async () => {
    server = await startPostgres();
    await server.run(`CREATE ROLE reader LOGIN; CREATE ROLE writer LOGIN; CREATE ROLE heir LOGIN NOINHERIT;
      CREATE ROLE stranger LOGIN; CREATE SCHEMA shop;
      GRANT USAGE ON SCHEMA shop TO reader, writer, heir, stranger;
      ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO reader, heir;
      GRANT writer TO heir`);
  });
  after(() => server?.stop());
  beforeEach(() => {
    kit = createPullKit();
    kit.env = { DB: server.urlOf("reader") };
  });
  afterEach(async () => {
    kit.close();
    await server.run("DROP TABLE IF EXISTS shop.orders CASCADE");
  });

  const orders = (rows: string) =>
    server.run(`CREATE TABLE shop.orders (id int PRIMARY KEY, at timestamptz, n int);
      INSERT INTO shop.orders ${rows}`);
  const ids = (pulls: readonly { rows: readonly Readonly<Record<string, unknown>>[] }[]) =>
    pulls.flatMap(({ rows }) => rows.map((row) => Number(row["id"])));

  it("reads every row exactly once over pulls, while rows come, late ones and changed ones", async () => {
    await orders(
      "SELECT i, '2024-01-01'::timestamptz + i * interval '1 s', 0 FROM generate_series(1, 500) i",
    );
    const feed = feedOf("at", { batchRows: 130 });
    const first = await kit.drain(feed, KEYED);
    assert.deepEqual(
      first.map(({ rows }) => rows.length),
      [130, 130, 130, 110],
    );
    await server.run(`INSERT INTO shop.orders
      SELECT i, '2024-01-01'::timestamptz + (i - 500) * interval '1 s', 0 FROM generate_series(501, 600) i;
      INSERT INTO shop.orders VALUES (1000, '2024-01-01 00:20:00Z', 0)`);
    const second = await kit.drain(feed, KEYED);
    assert.deepEqual(
      ids(second).toSorted((a, b) => a - b),
      [...Array.from({ length: 100 }, (_, i) => 501 + i), 1000],
    );
    await server.run("UPDATE shop.orders SET n = 7, at = '2024-01-01 00:30:00Z' WHERE id = 3");
    const third = await kit.drain(feed, KEYED);
    assert.deepEqual(third[0]?.rows, [{ id: "3", at: "2024-01-01 00:30:00", n: "7" }]);
    const all = ids([...first, ...second]);
    assert.equal(new Set(all).size, 601);
    assert.equal(all.length, 601);
    assert.equal((await kit.pull(feed, KEYED)).result.outcome, "empty");
  });

  it("keeps rows of one time apart over the edge of a batch, with a key and without", async () => {
    await orders("SELECT i, '2024-01-01', 0 FROM generate_series(1, 25) i");
    const feed = feedOf("at", { batchRows: 10 }, 0);
    const pulls = await kit.drain(feed, KEYED);
    assert.deepEqual(
      pulls.map(({ rows }) => rows.length),
      [10, 10, 5],
    );
    assert.equal(new Set(ids(pulls)).size, 25);
    await server.run("INSERT INTO shop.orders VALUES (26, '2024-01-01', 0)");
    assert.deepEqual(ids(await kit.drain(feed, KEYED)), [26]);
    kit.state = { cursor: null, seenFile: null };
    await server.run("ALTER TABLE shop.orders DROP COLUMN id");
    const keyless = await kit.drain(feed);
    assert.deepEqual(
      keyless.map(({ rows }) => rows.length),
      [10, 10, 6],
    );
    assert.equal((await kit.pull(feed)).result.outcome, "empty");
  });

  it("reads integers without a lag, in the order of numbers", async () => {
    await orders("SELECT i, '2024-01-01', 0 FROM generate_series(8, 12) i");
    const feed = feedOf("id", { batchRows: 2 });
    const pulls = await kit.drain(feed, KEYED);
    assert.deepEqual(
      pulls.map((pulled) => ids([pulled])),
      [[8, 9], [10, 11], [12]],
    );
    assert.equal(kit.state.cursor, "12");
    await server.run("INSERT INTO shop.orders VALUES (13, '2024-01-01', 0)");
    assert.deepEqual(ids(await kit.drain(feed, KEYED)), [13]);
  });

  it("reads dates, and what comes later on the same day", async () => {
    await server.run(`CREATE TABLE shop.orders (id int, at date);
      INSERT INTO shop.orders VALUES (1, '2024-01-01'), (2, '2024-01-02')`);
    assert.deepEqual(ids([await kit.pull(feedOf("at"), KEYED)]), [1, 2]);
    assert.equal(kit.state.cursor, "2024-01-02");
    await server.run("INSERT INTO shop.orders VALUES (3, '2024-01-02'), (4, '2024-01-01')");
    assert.deepEqual(ids([await kit.pull(feedOf("at"), KEYED)]), [4, 3]);
  });

  it("forgets rows older than the lag", async () => {
    await orders(
      "SELECT i, '2024-01-01'::timestamptz + i * interval '1 h', 0 FROM generate_series(1, 50) i",
    );
    await kit.drain(feedOf("at"), KEYED);
    const lines = readFileSync(kit.state.seenFile ?? "", "utf8")
      .trim()
      .split("\n");
    assert.equal(lines.length, 1 + 2);
  });

  it("is not carried past coming rows by a time in the future", async () => {
    await orders("VALUES (1, now(), 0), (2, '2999-01-01', 0)");
    assert.deepEqual(ids(await kit.drain(feedOf("at"), KEYED)), [1, 2]);
    await server.run("INSERT INTO shop.orders VALUES (3, now() + interval '2 days', 0)");
    assert.deepEqual(ids(await kit.drain(feedOf("at"), KEYED)), [3]);
    assert.equal((await kit.pull(feedOf("at"), KEYED)).result.outcome, "empty");
  });

  it("maps types", async () => {
    await server.run(`CREATE TYPE shop.colour AS ENUM ('red'); CREATE DOMAIN shop.price AS numeric(9, 2);
      CREATE TABLE shop.orders (id bigint, s smallint, r real, d double precision, p shop.price, b boolean,
        t text, v varchar(9), j jsonb, u uuid, e shop.colour, a int[], at timestamp, tz timestamptz, day date, tm time);
      INSERT INTO shop.orders VALUES (9007199254740991, 1, 0.1, 0.1, 12.30, true, 'é', 'v', '{"a": 1}',
        '123e4567-e89b-12d3-a456-426614174000', 'red', '{1,2}', '2024-01-01 10:00:00.123456',
        '2024-01-01 10:00:00+02', '2024-01-01', '10:00');
      INSERT INTO shop.orders (id, at) VALUES (2, '2024-01-02')`);
    const { result, rows } = await kit.pull(feedOf("at"), KEYED);
    const types = Object.fromEntries(
      (result.batch?.schema ?? []).map(({ name, type }) => [name, type]),
    );
    assert.deepEqual(types, {
      id: "integer",
      s: "integer",
      r: "number",
      d: "number",
      p: "number",
      b: "boolean",
      t: "text",
      v: "text",
      j: "text",
      u: "text",
      e: "text",
      a: "text",
      at: "timestamp",
      tz: "timestamp",
      day: "timestamp",
      tm: "text",
    });
    assert.deepEqual(rows[0], {
      id: "9007199254740991",
      s: "1",
      r: "0.1",
      d: "0.1",
      p: "12.3",
      b: "true",
      t: "é",
      v: "v",
      j: '{"a": 1}',
      u: "123e4567-e89b-12d3-a456-426614174000",
      e: "red",
      a: "{1,2}",
      at: "2024-01-01 10:00:00.123456",
      tz: "2024-01-01 08:00:00",
      day: "2024-01-01 00:00:00",
      tm: "10:00:00",
    });
    await server.run(
      "UPDATE shop.orders SET id = 9007199254740993, at = '2024-01-03' WHERE id = 2",
    );
    await assert.rejects(
      kit.pull(feedOf("at"), KEYED),
      /column id: 1 values are no integer within/,
    );
    await server.run("DROP TABLE shop.orders; DROP TYPE shop.colour; DROP DOMAIN shop.price");
  });

  it("refuses logins that can write, and says what to run", async () => {
    await orders("VALUES (1, now(), 0)");
    const cases = [
      [
        "GRANT SELECT, INSERT ON shop.orders TO writer",
        "writer",
        /login writer may INSERT on shop\.orders;.*run REVOKE INSERT ON shop\.orders FROM writer/,
      ],
      [
        "GRANT UPDATE (n), DELETE, TRUNCATE ON shop.orders TO writer",
        "writer",
        /may INSERT, UPDATE, DELETE, TRUNCATE/,
      ],
      ["SELECT 1", "heir", /login heir may INSERT, UPDATE, DELETE, TRUNCATE/],
      ["SELECT 1", "postgres", /is, or can become, a SUPERUSER.*CREATE ROLE sluice_reader/],
      [
        "ALTER TABLE shop.orders OWNER TO writer; REVOKE ALL ON shop.orders FROM writer",
        "writer",
        /the OWNER of shop\.orders/,
      ],
      [
        "SELECT 1",
        "stranger",
        /login stranger may not read.*GRANT SELECT ON shop\.orders TO stranger/,
      ],
    ] as const;
    for (const [sql, login, message] of cases) {
      await server.run(sql);
      kit.env = { DB: server.urlOf(login) };
      await assert.rejects(kit.pull(feedOf("at"), KEYED), (error: JobError) => {
        assert.ok(error instanceof JobError);
        assert.match(error.message, message);
        assert.equal(error.isTransient, false);
        return true;
      });
    }
  });

  it("reads no column that the login may not read, and none that is dropped", async () => {
    await orders("VALUES (1, now(), 5)");
    await server.run(
      "REVOKE SELECT ON shop.orders FROM reader; GRANT SELECT (id, at) ON shop.orders TO reader",
    );
    const { rows } = await kit.pull(feedOf("at", { sanitise: { id: "drop" } }));
    assert.deepEqual(Object.keys(rows[0] ?? {}), ["at"]);
  });

  it("needs a hashKey to recognise rows by a hidden key", async () => {
    await orders("VALUES (1, now(), 5), (2, now(), 6)");
    const feed = feedOf("at", { sanitise: { id: "drop" } });
    await assert.rejects(kit.pull(feed, KEYED), /the key column id is hidden.*needs a hashKey/);
    kit.env["KEY"] = "one";
    const more = { hashKey: { env: "KEY" } };
    assert.equal((await kit.pull(feed, KEYED, more)).rows.length, 2);
    assert.equal((await kit.pull(feed, KEYED, more)).result.outcome, "empty");
    kit.env["KEY"] = "another";
    await assert.rejects(kit.pull(feed, KEYED, more), /hashKey is not the one of the last pull/);
  });

  it("says what is wrong with a cursor, a table, a key", async () => {
    await orders("VALUES (1, NULL, 0), (2, NULL, 0), (3, now(), 0)");
    await assert.rejects(
      kit.pull(feedOf("at"), KEYED),
      new JobError("2 rows of shop.orders have no value in the cursor's column at"),
    );
    await server.run("UPDATE shop.orders SET at = 'infinity'");
    await assert.rejects(
      kit.pull(feedOf("at"), KEYED),
      /3 rows of shop\.orders have an infinite at/,
    );
    await assert.rejects(kit.pull(feedOf("none"), KEYED), /has no column none/);
    await assert.rejects(
      kit.pull(feedOf("id"), { key: ["nope"] }),
      /key column nope is not among the columns: id, at, n/,
    );
    const feed = feedOf("id");
    const elsewhere = { ...feed, connector: { ...feed.connector, table: "shop.none" } } as Feed;
    await assert.rejects(kit.pull(elsewhere), /no table or view shop\.none/);
    await server.run("ALTER TABLE shop.orders ALTER n TYPE text");
    await assert.rejects(kit.pull(feedOf("n")), /the cursor's column n is a text/);
  });

  it("is tried again when the database is away, not when the login is wrong; the URL stays unsaid", async () => {
    const check = (isTransient: boolean, message: RegExp) => (error: JobError) => {
      assert.ok(error instanceof JobError, String(error));
      assert.equal(error.isTransient, isTransient, error.message);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /hunter2/);
      return true;
    };
    kit.env = { DB: "postgres://reader:hunter2@127.0.0.1:1/postgres" };
    await assert.rejects(kit.pull(feedOf("at")), check(true, /database is away: ECONNREFUSED/));
    kit.env = { DB: server.urlOf("nobody") };
    await assert.rejects(kit.pull(feedOf("at")), check(false, /28000.*"nobody" does not exist/));
    kit.env = {};
    await assert.rejects(kit.pull(feedOf("at")), check(false, /secret \{env: DB\} is not set/));
  });

  it("gives up on a query that takes too long", async () => {
    await server.run(
      `CREATE VIEW shop.orders AS SELECT 1 AS id, now() AS at, pg_sleep(5)::text AS slow`,
    );
    const feed = feedOf("at");
    const hasty = { ...feed, connector: { ...feed.connector, statementTimeoutSecs: 0.2 } } as Feed;
    await assert.rejects(kit.pull(hasty, KEYED), /longer than 0\.2 s/);
    await server.run("DROP VIEW shop.orders");
  });

  it("loses and doubles nothing when killed between writing and the result", async () => {
    await orders(
      "SELECT i, '2024-01-01'::timestamptz + i * interval '1 s', 0 FROM generate_series(1, 30) i",
    );
    const feed = feedOf("at", { batchRows: 20 });
    kit.onPause = (point) =>
      point === "written" ? Promise.reject(new Error("killed")) : Promise.resolve();
    await assert.rejects(kit.pull(feed, KEYED), /killed/);
    kit.onPause = () => Promise.resolve();
    await server.run("INSERT INTO shop.orders VALUES (31, '2024-01-01', 0)");
    const pulls = await kit.drain(feed, KEYED);
    assert.deepEqual(
      ids(pulls).toSorted((a, b) => a - b),
      Array.from({ length: 31 }, (_, i) => i + 1),
    );
  });

  it("keeps nothing of dropped and hidden values on disk", async () => {
    await server.run(`CREATE TABLE shop.orders (id int, at timestamptz, mail text, phone text);
      INSERT INTO shop.orders VALUES (1, now(), 'ann@example.org', '+4915112345678')`);
    kit.env["KEY"] = "secret key";
    const feed = feedOf("at", { sanitise: { mail: "drop", phone: "hash" } });
    const { rows, folder } = await kit.pull(feed, KEYED, { hashKey: { env: "KEY" } });
    assert.match(String(rows[0]?.["phone"]), /^[0-9a-f]{32}$/);
    for (const name of ["batch.parquet", "seen.jsonl"]) {
      assert.doesNotMatch(
        readFileSync(join(folder, name), "latin1"),
        /ann@|4915112345678|secret key/,
      );
    }
  });
});
