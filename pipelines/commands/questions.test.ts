import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openLibsql } from "../store/libsql-database.ts";
import { storePath } from "../store/store.ts";
import { fillLife } from "../tracking/testing/fixture-life.ts";
import { type FixtureStore, openFixtureStore } from "../tracking/testing/fixture-store.ts";
import { eventsCommand, verifyEventsCommand } from "./events.ts";
import { explainCommand } from "./explain.ts";
import { lineageCommand } from "./lineage.ts";
import { compareRunsCommand, listRunsCommand, showRunCommand } from "./runs.ts";
import { captureIo } from "./testing/capture-io.ts";

let life: FixtureStore;
before(async () => {
  life = await openFixtureStore();
  await fillLife(life);
});
after(() => life.close());

const ANY = { kind: null, subject: null, status: null, limit: 3, isJson: false };
const never = new AbortController().signal;

describe("sluice runs", () => {
  it("lists runs in aligned columns", async () => {
    const { io, out } = captureIo();
    assert.equal(await listRunsCommand({ ...ANY, home: life.home, kind: "train" }, io), 0);
    const [head = "", first = "", second = ""] = out().split("\n");
    const column = head.indexOf("STATUS");
    assert.ok(column > 0);
    assert.equal(first.slice(column, column + 8), "finished");
    assert.equal(second.slice(column, column + 8), "finished");
    assert.match(first, /^train-2 +train +model:churn +finished +2026-01-01T\S+Z +0\.5 s +because/);
  });

  it("lists them as one JSON document", async () => {
    const { io, out } = captureIo();
    await listRunsCommand({ ...ANY, home: life.home, status: "failed", isJson: true }, io);
    const { runs } = JSON.parse(out()) as { runs: Record<string, unknown>[] };
    assert.deepEqual(
      runs.map(({ id, error }) => [id, error]),
      [["pull-9", "the database was away"]],
    );
  });

  it("refuses kinds and statuses that are none", async () => {
    const { io } = captureIo();
    const of = { ...ANY, home: life.home };
    await assert.rejects(listRunsCommand({ ...of, kind: "trian" }, io), /did you mean 'train'/);
    await assert.rejects(listRunsCommand({ ...of, status: "done" }, io), /--status: expected one/);
  });

  it("shows one, and compares two with what differs marked", async () => {
    const shown = captureIo();
    await showRunCommand({ home: life.home, id: "train-1", isJson: false }, shown.io);
    assert.match(shown.out(), /^param trees +200$/m);
    assert.match(shown.out(), /^made +candidate:cand-1$/m);
    const compared = captureIo();
    const ids = ["train-1", "train-2"];
    await compareRunsCommand({ home: life.home, ids, isJson: false }, compared.io);
    assert.match(compared.out(), /^\* +params +trees +200 +100$/m);
    assert.match(compared.out(), /^ +params +seed +1 +1$/m);
    const one = compareRunsCommand({ home: life.home, ids: ["train-1"], isJson: true }, shown.io);
    await assert.rejects(one, /expected two runs or more/);
  });
});

describe("sluice explain", () => {
  it("tells the story in sections, or as JSON", async () => {
    const text = captureIo();
    await explainCommand({ home: life.home, text: "cand-2", isJson: false }, text.io);
    assert.match(text.out(), /^candidate of model churn: refused by evaluate\ncandidate:cand-2\n/);
    assert.match(text.out(), /\nwhy\n {2}auc 0\.7, the champion has 0\.81\n/);
    assert.match(text.out(), /\nevents\n {2}[0-9]+ {2}2026-/);
    const json = captureIo();
    await explainCommand({ home: life.home, text: "churn@1", isJson: true }, json.io);
    const story = JSON.parse(json.out()) as Record<string, unknown>;
    assert.deepEqual(Object.keys(story), [
      "subject",
      "headline",
      "reason",
      "evidence",
      "before",
      "after",
      "events",
    ]);
  });
});

describe("sluice lineage", () => {
  const ask = async (format: "text" | "json" | "mermaid") => {
    const { io, out } = captureIo();
    await lineageCommand({ home: life.home, subject: "churn@1", format }, io);
    return out();
  };

  it("is a tree, a graph or a picture", async () => {
    const lines = (await ask("text")).split("\n");
    assert.equal(lines[0], "model:churn@1");
    assert.equal(lines[1], "  run:publish-1 (publish)");
    assert.ok(lines.some((line) => /^ +source:orders-db/.test(line)));
    const graph = JSON.parse(await ask("json")) as { root: string; nodes: unknown[] };
    assert.equal(graph.root, "model:churn@1");
    assert.ok(graph.nodes.length > 10);
    assert.match(await ask("mermaid"), /^flowchart LR\n/);
  });
});

describe("sluice events", () => {
  it("gives the last, oldest first", async () => {
    const { io, out } = captureIo();
    const args = { home: life.home, limit: 2, isFollowing: false, signal: never };
    await eventsCommand({ ...args, isJson: false }, io);
    assert.match(out(), /^6 .* monitor\.alert .*columns=country\n7 .* train\.triggered /);
    const json = captureIo();
    await eventsCommand({ ...args, isJson: true }, json.io);
    const [first] = json.out().split("\n");
    assert.deepEqual((JSON.parse(first ?? "") as { details: unknown }).details, {
      columns: ["country"],
    });
  });

  it("follows until it is asked to stop", async () => {
    const stop = new AbortController();
    const { io, whenSaid } = captureIo();
    const args = { home: life.home, limit: 1, isJson: false, isFollowing: true };
    const following = eventsCommand({ ...args, signal: stop.signal }, io);
    await whenSaid(/train\.triggered/);
    await life.event("contract.changed", "dataset:orders", null, { version: 2 });
    await whenSaid(/contract\.changed +dataset:orders +version=2/);
    stop.abort();
    assert.equal(await following, 0);
  });
});

describe("a home without a store", () => {
  let home = "";
  before(() => {
    home = mkdtempSync(join(tmpdir(), "sluice-none-"));
  });
  after(() => rmSync(home, { recursive: true }));

  it("is said to have none, and gets none by looking", async () => {
    const { io } = captureIo();
    await assert.rejects(listRunsCommand({ ...ANY, home }, io), /expected a store at/);
    await assert.rejects(
      explainCommand({ home, text: "x", isJson: false }, io),
      /expected a store/,
    );
    assert.equal(await verifyEventsCommand(home, io), null);
    assert.deepEqual(readdirSync(home), []);
  });
});

describe("sluice audit verify", () => {
  it("checks the chain of events, and finds a changed one", async () => {
    const own = await openFixtureStore();
    await own.event("batch.landed", "batch:a", null, { rows: 1 });
    await own.event("batch.landed", "batch:b", null, { rows: 2 });
    const good = captureIo();
    assert.equal(await verifyEventsCommand(own.home, good.io), 0);
    assert.equal(good.out(), "OK: 2 events\n");
    const raw = openLibsql(storePath(own.home));
    raw.exec("DROP TRIGGER events_no_update; UPDATE events SET subject = 'x' WHERE seq = 1");
    raw.close();
    const bad = captureIo();
    assert.equal(await verifyEventsCommand(own.home, bad.io), 1);
    assert.match(bad.err(), /^sluice: .*pipelines\.db: event 1 was changed\n$/);
    await own.close();
  });
});
