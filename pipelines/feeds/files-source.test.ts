import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fromParquet, openDataEngine, quoteText } from "../datasets/duckdb.ts";
import { JobError } from "../jobs/job-error.ts";
import type { Feed } from "../project/project.ts";
import { createPullKit, type PullKit } from "./testing/pull-kit.ts";

describe("a feed of files", () => {
  let kit: PullKit;
  let inbox = "";
  beforeEach(() => {
    kit = createPullKit();
    inbox = join(kit.folder, "in [1]");
    mkdirSync(inbox);
  });
  afterEach(() => kit.close());

  /** Old enough to be whole. */
  function put(name: string, content: string | Buffer, ageSecs = 60): string {
    const path = join(inbox, name);
    writeFileSync(path, content);
    const at = Date.now() / 1000 - ageSecs;
    utimesSync(path, at, at);
    return path;
  }

  function feedOf(
    path: string,
    format: "csv" | "json" | "parquet",
    more: Partial<Feed> = {},
  ): Feed {
    return {
      dataset: "orders",
      connector: { kind: "files", path: `in [1]/${path}`, format },
      batchRows: 100_000,
      ...more,
    };
  }

  it("takes CSV files in the order of their names, each once", async () => {
    put("b.csv", "id,city,at\n2,Ulm,2024-01-02T00:00:00+02:00\n");
    put("a.csv", 'id,city,at\n1,"Bad ""X"", a\nb",2024-01-01T00:00:00Z\n');
    put("other.txt", "no");
    const first = await kit.pull(feedOf("*.csv", "csv"));
    assert.equal(first.result.outcome, "batch");
    assert.deepEqual(first.rows, [
      { id: "1", city: 'Bad "X", a\nb', at: "2024-01-01 00:00:00" },
      { id: "2", city: "Ulm", at: "2024-01-01 22:00:00" },
    ]);
    assert.deepEqual(first.result.batch?.schema, [
      { name: "id", type: "integer" },
      { name: "city", type: "text" },
      { name: "at", type: "timestamp" },
    ]);
    assert.equal((await kit.pull(feedOf("*.csv", "csv"))).result.outcome, "empty");
    put("c.csv", "id,city,at\n3,Bonn,2024-01-03\n");
    assert.deepEqual((await kit.pull(feedOf("*.csv", "csv"))).rows, [
      { id: "3", city: "Bonn", at: "2024-01-03 00:00:00" },
    ]);
  });

  it("takes a file whose content changed again where rows have a key; a touched one not", async () => {
    const path = put("a.csv", "id\n1\n");
    const dataset = { key: ["id"] };
    await kit.pull(feedOf("*.csv", "csv"), dataset);
    put("a.csv", "id\n1\n", 30);
    assert.equal((await kit.pull(feedOf("*.csv", "csv"), dataset)).result.outcome, "empty");
    assert.deepEqual(kit.logs, []);
    writeFileSync(path, "id\n2\n");
    utimesSync(path, 1, 1);
    assert.deepEqual((await kit.pull(feedOf("*.csv", "csv"), dataset)).rows, [{ id: "2" }]);
    assert.deepEqual(kit.logs, ["a file changed after it was taken: its rows come again"]);
  });

  it("leaves files that are still being written", async () => {
    put("a.csv.part", "id\n1\n");
    put("b.csv.tmp", "id\n1\n");
    put("now.csv", "id\n1\n", 0);
    assert.equal((await kit.pull(feedOf("*", "csv"))).result.outcome, "empty");
    put("now.csv", "id\n1\n2\n");
    assert.equal((await kit.pull(feedOf("*", "csv"))).rows.length, 2);
  });

  it("takes a file of the last second at the next pull, when nobody touched it again", async (t) => {
    put("now.csv", "id\n1\n", 0);
    const writtenMs = statSync(join(inbox, "now.csv")).mtimeMs;
    t.mock.timers.enable({ apis: ["Date"], now: writtenMs + 999 });
    assert.equal((await kit.pull(feedOf("*.csv", "csv"))).result.outcome, "empty");
    t.mock.timers.tick(1);
    assert.deepEqual((await kit.pull(feedOf("*.csv", "csv"))).rows, [{ id: "1" }]);
    t.mock.timers.tick(60_000);
    assert.equal((await kit.pull(feedOf("*.csv", "csv"))).result.outcome, "empty");
  });

  it("takes whole files until batchRows is reached", async () => {
    for (const name of ["a", "b", "c"]) put(`${name}.csv`, `id\n${name}1\n${name}2\n`);
    const pulls = await kit.drain(feedOf("*.csv", "csv", { batchRows: 3 }));
    assert.deepEqual(
      pulls.map(({ rows, result }) => [rows.length, result.hasMore, result.batch?.isPartial]),
      [
        [4, true, true],
        // One file is whole, whatever came before it.
        [2, false, false],
      ],
    );
  });

  it("follows a link within the folder", async () => {
    put("real.txt", "id\n1\n");
    symlinkSync(join(inbox, "real.txt"), join(inbox, "in.csv"));
    assert.equal((await kit.pull(feedOf("*.csv", "csv"))).rows.length, 1);
  });

  it("reads NDJSON and arrays; what is nested becomes JSON text", async () => {
    put("a.json", '{"id":1,"tags":["x"],"ok":true}\n{"id":2,"note":"n"}\n');
    put("b[x].json", '[{"id":3,"ok":false}]');
    put("c.json", "[]");
    put("d.json", "");
    const { rows, result } = await kit.pull(feedOf("*.json", "json"));
    assert.deepEqual(rows, [
      { id: "1", tags: '["x"]', ok: "true", note: null },
      { id: "2", tags: null, ok: null, note: "n" },
      { id: "3", tags: null, ok: "false", note: null },
    ]);
    assert.equal(result.batch?.rows, 3);
    put("e.json", '{"id":4}');
    assert.deepEqual((await kit.pull(feedOf("*.json", "json"))).rows, [
      { id: "4", tags: null, ok: null, note: null },
    ]);
  });

  it("reads Parquet", async () => {
    const engine = await openDataEngine({ folders: [inbox] });
    const path = join(inbox, "a.parquet");
    await engine.run(
      `COPY (SELECT 1::TINYINT AS i, 1.5::DECIMAL(4,2) AS d, DATE '2024-01-01' AS t, [1] AS l) TO ${quoteText(path)}`,
    );
    engine.close();
    utimesSync(path, 1, 1);
    const { rows, result } = await kit.pull(feedOf("*.parquet", "parquet"));
    assert.deepEqual(rows, [{ i: "1", d: "1.5", t: "2024-01-01 00:00:00", l: "[1]" }]);
    assert.deepEqual(
      result.batch?.schema.map(({ type }) => type),
      ["integer", "number", "timestamp", "text"],
    );
  });

  it("treats columns before they are written", async () => {
    put(
      "a.csv",
      "id,mail,card,phone,note\n007,ann@example.org,4111111111111111,+49151123456,x\n008,,1234,,y\n",
    );
    kit.env = { KEY: "k".repeat(80) };
    const sanitise = { id: "hash", mail: "hash", card: "mask", phone: "drop" } as const;
    const feed = feedOf("*.csv", "csv", { sanitise });
    const { rows, result, folder } = await kit.pull(feed, {}, { hashKey: { env: "KEY" } });
    const mac = (text: string) =>
      createHmac("sha256", kit.env["KEY"] ?? "")
        .update(text)
        .digest("hex")
        .slice(0, 32);
    assert.deepEqual(rows, [
      { id: mac("007"), mail: mac("ann@example.org"), card: "************1111", note: "x" },
      { id: mac("008"), mail: null, card: "****", note: "y" },
    ]);
    assert.deepEqual(result.batch?.treatments, { ...sanitise, note: "keep" });
    for (const file of ["batch.parquet", "seen.jsonl"]) {
      const bytes = readFileSync(join(folder, file), "latin1");
      assert.doesNotMatch(bytes, /49151123456|example\.org|4111111111/);
    }
  });

  it("needs a key for a hash", async () => {
    put("a.csv", "id,b\n1,2\n");
    await assert.rejects(
      kit.pull(feedOf("*.csv", "csv", { sanitise: { b: "hash" } })),
      new JobError("sanitise hashes b, but the project has no hashKey"),
    );
  });

  it("refuses personal data that nobody decided about, and writes nothing", async () => {
    const lines = Array.from(
      { length: 50 },
      (_, i) => `${i},p${i}@example.org,411111111111111${i % 10}`,
    );
    put("a.csv", `id,contact,n\n${lines.join("\n")}\n`);
    const before = kit.state;
    const { result, folder } = await kit.pull(feedOf("*.csv", "csv"));
    assert.equal(result.outcome, "refused");
    assert.equal(result.batch, null);
    assert.deepEqual(result.state, before);
    assert.equal(result.problems.length, 1);
    assert.match(
      result.problems[0] ?? "",
      /^column contact: 100 % of 50 values hold personal data \(e-mail address\); under feeds\.orders\.sanitise write "contact: hash"/,
    );
    assert.doesNotMatch(result.problems.join(), /example/);
    assert.throws(() => readFileSync(join(folder, "batch.parquet")), /ENOENT/);
    const kept = feedOf("*.csv", "csv", { sanitise: { contact: "keep-reviewed" } });
    assert.equal((await kit.pull(kept)).rows.length, 50);
  });

  it("finds numbers of cards among integers", async () => {
    const cards = ["4111111111111111", "4012888888881881", "5555555555554444"];
    put("a.csv", `n\n${cards.join("\n")}\n`);
    assert.match(
      (await kit.pull(feedOf("*.csv", "csv"))).result.problems[0] ?? "",
      /column n: 100 %.*credit card/,
    );
  });

  it("casts to declared types, and counts what does not fit", async () => {
    put("a.csv", "zip,n,i,b,t\n00712,1,1.0,yes,2024-01-01\n");
    const types = { zip: "text", n: "number", i: "integer", b: "boolean", t: "timestamp" } as const;
    const { rows, result } = await kit.pull(feedOf("*.csv", "csv"), { types });
    assert.deepEqual(rows, [
      { zip: "00712", n: "1.0", i: "1", b: "true", t: "2024-01-01 00:00:00" },
    ]);
    assert.deepEqual(
      result.batch?.schema.map(({ type }) => type),
      Object.values(types),
    );
    put("b.csv", "zip,n,i,b,t\n1,abc,1.5,maybe,yesterday\n2,1,2,0,20240101\n");
    const refused = await kit.pull(feedOf("*.csv", "csv"), { types });
    const [{ name = "", reason = "" } = {}] = refused.result.refusedFiles;
    assert.equal(name, "b.csv");
    for (const part of [
      "n: 1 values are no number",
      "i: 1 values are no integer",
      "b: 1 values are no boolean",
      "t: 2 values are no timestamp",
    ]) {
      assert.ok(reason.includes(`column ${part}`), `${part} in ${reason}`);
    }
    assert.doesNotMatch(reason, /abc|maybe|yesterday/);
  });

  it("refuses integers beyond 2^53 unless they are declared as text", async () => {
    put("a.csv", "id\n9007199254740993\n");
    const { result } = await kit.pull(feedOf("*.csv", "csv"));
    assert.match(
      result.refusedFiles[0]?.reason ?? "",
      /column id: 1 values are no integer within ±\(2\^53-1\)/,
    );
    assert.deepEqual((await kit.pull(feedOf("*.csv", "csv"), { types: { id: "text" } })).rows, [
      { id: "9007199254740993" },
    ]);
  });

  it("keeps a column's type when a batch has only whole numbers, digits or nothing of it", async () => {
    put("a.csv", "n,code,x\n1.5,a1,2\n");
    put("b.csv", "n,code,x\n2,007,\n");
    await kit.pull(feedOf("a.csv", "csv"));
    const { result, rows } = await kit.pull(feedOf("*.csv", "csv"));
    assert.deepEqual(rows, [{ n: "2.0", code: "007", x: null }]);
    assert.deepEqual(
      result.batch?.schema.map(({ type }) => type),
      ["number", "text", "integer"],
    );
  });

  it("reads semicolons too, and one delimiter a batch", async () => {
    put("a.csv", "id;b\n1;2,5\n");
    put("b.csv", "id,b\n3,4\n");
    const pulls = await kit.drain(feedOf("*.csv", "csv"), { types: { b: "text" } });
    assert.deepEqual(
      pulls.map(({ rows }) => rows),
      [[{ id: "1", b: "2,5" }], [{ id: "3", b: "4" }]],
    );
  });

  it("reads the same again after a crash between writing and the result", async () => {
    put("a.csv", "id\n1\n2\n");
    kit.onPause = (point) =>
      point === "written" ? Promise.reject(new Error("killed")) : Promise.resolve();
    await assert.rejects(kit.pull(feedOf("*.csv", "csv")), /killed/);
    kit.onPause = () => Promise.resolve();
    assert.deepEqual((await kit.pull(feedOf("*.csv", "csv"))).rows, [{ id: "1" }, { id: "2" }]);
    assert.equal((await kit.pull(feedOf("*.csv", "csv"))).result.outcome, "empty");
  });

  it("gives up, for another try, when a file changes under the reader", async () => {
    const path = put("a.csv", "id\n1\n2\n");
    kit.onPause = (point) => {
      if (point === "read") writeFileSync(path, "id\n1\n3\n");
      return Promise.resolve();
    };
    await assert.rejects(kit.pull(feedOf("*.csv", "csv")), (error: JobError) => {
      assert.equal(error.isTransient, true);
      assert.match(error.message, /changed while it was read/);
      return true;
    });
  });

  it("refuses a path with * in a folder, a folder that is not there, a state of another kind", async () => {
    const at = (path: string): Feed => ({
      dataset: "orders",
      connector: { kind: "files", path, format: "csv" },
      batchRows: 1,
    });
    await assert.rejects(kit.pull(at("x*/a.csv")), /has \* in a folder/);
    await assert.rejects(kit.pull(at("none/a.csv")), /cannot be read: ENOENT/);
    const seenFile = join(kit.folder, "seen");
    writeFileSync(seenFile, "cut");
    kit.state = { cursor: null, seenFile };
    await assert.rejects(kit.pull(feedOf("*", "csv")), /is no seen file/);
  });

  it("writes a file whose hash and size are those of the result", async () => {
    put("a.csv", "id\n1\n");
    const { result, folder } = await kit.pull(feedOf("*.csv", "csv"));
    const bytes = readFileSync(join(folder, result.batch?.file ?? ""));
    assert.equal(bytes.byteLength, result.batch?.bytes);
    assert.equal(createHash("sha256").update(bytes).digest("hex"), result.batch?.sha256);
    const engine = await openDataEngine({ folders: [folder] });
    assert.equal(
      (await engine.rows(`SELECT * FROM ${fromParquet([join(folder, "batch.parquet")])}`)).length,
      1,
    );
    engine.close();
  });
});
