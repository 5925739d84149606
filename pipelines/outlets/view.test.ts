import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { sql } from "kysely";
import { Client } from "pg";
import { needs } from "../../server/testing/skip.ts";
import { startPostgres, type TestPostgres } from "../feeds/testing/postgres.ts";
import {
  createEgressWorld,
  type EgressWorld,
  NUMBERS,
  projectWith,
} from "./testing/egress-world.ts";
import { type Synced, syncViews } from "./view.ts";

const DAY_MS = 24 * 3600_000;

describe("views in PostgreSQL", needs("postgres"), () => {
  let postgres: TestPostgres;
  let world: EgressWorld;
  let nowMs = 0;
  let number = 0;
  /** Its own in every test: the server is shared. */
  let schema = "";

  before(async () => {
    postgres = await startPostgres();
    await postgres.run(`
      CREATE ROLE sluice_owner LOGIN CREATEROLE;
      GRANT CREATE ON DATABASE postgres TO sluice_owner;
      CREATE ROLE analyst LOGIN`);
  });
  after(() => postgres.stop());
  beforeEach(async () => {
    number += 1;
    schema = `out_${number}`;
    nowMs = 0;
    world = await createEgressWorld({});
    world.project = projectWith({ v: view() });
  });
  afterEach(() => world.close());

  const view = (more = {}) => ({
    kind: "view" as const,
    dataset: "scores",
    url: { env: "VIEW_URL" },
    schema,
    role: "readers",
    ...more,
  });
  const sync = async (more = {}): Promise<Synced> => {
    const synced = await syncViews({
      store: world.store,
      project: world.project,
      rows: world.rows,
      env: { VIEW_URL: postgres.urlOf("sluice_owner") },
      projectFolder: world.home,
      nowMs,
      signal: new AbortController().signal,
      ...more,
    });
    return synced[0] as Synced;
  };
  const query = async (text: string, login = "sluice_owner") => {
    const client = new Client({ connectionString: postgres.urlOf(login) });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const events = async () =>
    (
      await world.store
        .selectFrom("events")
        .select("type")
        .where("type", "like", "outlet.%")
        .orderBy("seq")
        .execute()
    ).map(({ type }) => type);
  const select = () => query(`SELECT * FROM ${schema}.scores ORDER BY sluice_cursor`);

  it("hold every row once, with a cursor that only grows", async () => {
    await world.landNumbers("a", 0, 4500);
    const first = await sync();
    assert.deepEqual(first, { outlet: "v", rows: 4500, batches: 1, problem: null });
    await world.landNumbers("b", 4500, 3);
    assert.equal((await sync()).rows, 3);
    assert.deepEqual(await sync(), { outlet: "v", rows: 0, batches: 0, problem: null });
    const rows = await select();
    assert.deepEqual(
      rows,
      Array.from({ length: 4503 }, (_, n) => ({ sluice_cursor: String(n + 1), n: String(n) })),
    );
    assert.deepEqual(await events(), ["outlet.delivered", "outlet.delivered"]);
  });

  it("do not lose a released batch whose old number they are past", async () => {
    await world.pull("held", "SELECT 100 AS n", NUMBERS, "quarantined");
    await world.landNumbers("a", 0, 2);
    assert.equal((await sync()).rows, 2);
    await world.land("held");
    await world.landNumbers("b", 2, 1);
    assert.deepEqual(await sync(), { outlet: "v", rows: 2, batches: 2, problem: null });
    assert.deepEqual(
      (await select()).map(({ sluice_cursor, n }) => [sluice_cursor, n]),
      [
        ["1", "0"],
        ["2", "1"],
        ["3", "100"],
        ["4", "2"],
      ],
    );
  });

  it("may be read by their role, and nothing else may be done by it", async () => {
    await world.landNumbers("a", 0, 2);
    assert.equal((await sync()).problem, null);
    await postgres.run("GRANT readers TO analyst");
    assert.equal((await query(`SELECT n FROM ${schema}.scores`, "analyst")).length, 2);
    for (const statement of [
      `INSERT INTO ${schema}.scores VALUES (9, 9)`,
      `UPDATE ${schema}.scores SET n = 1`,
      `DELETE FROM ${schema}.scores`,
      `SELECT * FROM ${schema}.scores_v1`,
      `INSERT INTO ${schema}.scores_v1 VALUES (9, 9)`,
      `TRUNCATE ${schema}.scores_v1`,
      `SELECT * FROM ${schema}._positions`,
      `CREATE TABLE ${schema}.mine (a int)`,
      `DROP VIEW ${schema}.scores`,
    ]) {
      await assert.rejects(
        query(statement, "analyst"),
        /permission denied|must be owner/,
        statement,
      );
    }
    const [role] = await query("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'readers'");
    assert.equal(role?.["rolcanlogin"], false);
  });

  it("keep every type", async () => {
    await world.pull(
      "types",
      `SELECT * FROM (VALUES
        (9007199254740993, 'NaN'::DOUBLE, TIMESTAMP '2026-01-02 03:04:05.678901', true, 'a"b,{}\\' || chr(0)),
        (NULL, 0.1, NULL, NULL, NULL)) AS t(big, x, "at", yes, "S ""q""")`,
      [
        { name: "big", type: "integer" },
        { name: "x", type: "number" },
        { name: "at", type: "timestamp" },
        { name: "yes", type: "boolean" },
        { name: 'S "q"', type: "text" },
      ],
    );
    await world.land("types");
    assert.equal((await sync()).problem, null);
    const rows = await query(
      `SELECT big::text, x, "at" AT TIME ZONE 'UTC' = '2026-01-02 03:04:05.678901' AS at, yes, "S ""q""" AS s
       FROM ${schema}.scores ORDER BY sluice_cursor`,
    );
    assert.deepEqual(rows, [
      { big: "9007199254740993", x: null, at: true, yes: true, s: 'a"b,{}\\\ufffd' },
      { big: null, x: 0.1, at: null, yes: null, s: null },
    ]);
  });

  it("take new columns, refuse changed types with one event, and go on when it is mended", async () => {
    await world.landNumbers("a", 0, 1);
    await sync();
    await world.pull("b", "SELECT 1 AS n, 'x' AS s", [
      { name: "n", type: "integer" },
      { name: "s", type: "text" },
    ]);
    await world.land("b");
    assert.equal((await sync()).problem, null);
    assert.deepEqual(await select(), [
      { sluice_cursor: "1", n: "0", s: null },
      { sluice_cursor: "2", n: "1", s: "x" },
    ]);
    await world.pull("c", "SELECT 'text' AS n", [{ name: "n", type: "text" }]);
    await world.land("c");
    const { problem } = await sync();
    assert.match(problem ?? "", /column 'n' is bigint in the view and became text/);
    assert.equal((await sync()).problem, null, "it waits");
    nowMs += DAY_MS;
    assert.equal((await sync()).problem, problem);
    assert.equal((await events()).filter((type) => type === "outlet.failed").length, 1);
    await query(`DROP SCHEMA ${schema} CASCADE`);
    nowMs += DAY_MS;
    // Made again from the first batch: two batches fit before the one that does not.
    assert.equal((await sync()).rows, 2);
  });

  it("hold each row once when the note of it was lost", async () => {
    await world.landNumbers("a", 0, 3);
    await sql`CREATE TRIGGER crash BEFORE INSERT ON outlets BEGIN SELECT RAISE(ABORT, 'crash'); END`.execute(
      world.store,
    );
    await assert.rejects(sync(), /crash/);
    await sql`DROP TRIGGER crash`.execute(world.store);
    await world.landNumbers("b", 3, 1);
    assert.equal((await sync()).rows, 1);
    assert.deepEqual(
      (await select()).map(({ n }) => n),
      ["0", "1", "2", "3"],
    );
    assert.deepEqual(await events(), ["outlet.delivered", "outlet.delivered"]);
  });

  it("stop between chunks and go on there", async () => {
    await world.landNumbers("a", 0, 3);
    assert.equal((await sync({ signal: AbortSignal.abort() })).rows, 0);
    assert.equal((await sync()).rows, 3);
  });

  it("refuse a role that can do more", async () => {
    await world.landNumbers("a", 0, 1);
    for (const role of ["postgres", "sluice_owner"]) {
      world.project = projectWith({ v: view({ role }) });
      assert.match((await sync()).problem ?? "", /may do more than SELECT/, role);
      nowMs += DAY_MS;
    }
  });

  it("refuse a schema that another outlet or another store filled", async (t) => {
    await world.landNumbers("a", 0, 1);
    await sync();
    world.project = projectWith({ w: view() });
    assert.match((await sync()).problem ?? "", /for the outlet 'v'; give 'w' another schema/);
    const other = await createEgressWorld({});
    t.after(() => other.close());
    other.project = projectWith({ v: view() });
    await other.landNumbers("z", 0, 1);
    const synced = await sync({ store: other.store, rows: other.rows, project: other.project });
    assert.match(synced.problem ?? "", /filled from another store/);
  });

  it("say that the server is away, without the password", async () => {
    await world.landNumbers("a", 0, 1);
    const { problem } = await sync({ env: { VIEW_URL: "postgres://u:secret-word@127.0.0.1:9/x" } });
    assert.match(problem ?? "", /ECONNREFUSED/);
    assert.doesNotMatch(problem ?? "", /secret-word/);
    assert.equal((await sync()).rows, 0, "it waits for its next try");
    nowMs += DAY_MS;
    assert.equal((await sync()).problem, null);
    assert.deepEqual(await events(), ["outlet.failed", "outlet.delivered"]);
  });

  it("give a new role its grants although no row is new", async () => {
    await world.landNumbers("a", 0, 1);
    await sync();
    world.project = projectWith({ v: view({ role: "others" }) });
    assert.equal((await sync()).problem, null);
    await postgres.run("CREATE ROLE other_analyst LOGIN IN ROLE others");
    assert.equal((await query(`SELECT n FROM ${schema}.scores`, "other_analyst")).length, 1);
  });
});
