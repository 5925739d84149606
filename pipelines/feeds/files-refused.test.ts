import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { DatasetConfig, Feed } from "../project/project.ts";
import { createPullKit, type Pulled, type PullKit } from "./testing/pull-kit.ts";

describe("files that cannot be taken", () => {
  let kit: PullKit;
  let inbox = "";
  beforeEach(() => {
    kit = createPullKit();
    inbox = join(kit.folder, "in");
    mkdirSync(inbox);
  });
  afterEach(() => kit.close());

  function put(name: string, content: string, ageSecs = 60): void {
    const path = join(inbox, name);
    writeFileSync(path, content);
    const at = Date.now() / 1000 - ageSecs;
    utimesSync(path, at, at);
  }
  const feed = (more: Partial<Feed> = {}, format: "csv" | "json" | "parquet" = "csv"): Feed => ({
    dataset: "orders",
    connector: { kind: "files", path: "in/*.x", format },
    batchRows: 100_000,
    ...more,
  });
  const refusals = ({ result }: Pulled) =>
    result.refusedFiles.map(({ name, reason }) => [name, reason]);
  const pull = (more?: Partial<Feed>, dataset?: DatasetConfig) => kit.pull(feed(more), dataset);

  it("stop no other, are told once, and tried again when they change", async () => {
    put("a.x", "id,b\n1,x\n");
    put("b.x", "id,b\n2,x\n3,x,secret\n");
    put("c.x", "id,b\n4,x\n");
    const first = await pull();
    assert.deepEqual(
      first.rows.map(({ id }) => id),
      ["1", "4"],
    );
    assert.deepEqual(refusals(first), [
      [
        "b.x",
        'expected CSV with a header line, quotes " and the same number of columns in every row',
      ],
    ]);
    put("b.x", "id,b\n2,x\n3,x,secret\n", 30);
    const second = await pull();
    assert.deepEqual([second.result.outcome, refusals(second)], ["empty", []]);
    put("b.x", "id,b\n2,x\n3,x\n");
    const third = await pull();
    assert.deepEqual(
      third.rows.map(({ id }) => id),
      ["2", "3"],
    );
  });

  it("are named with what is wrong and where, without their content", async () => {
    const cases = [
      ["csv", "id,b\n1,secret\n2,secret,3\n", /^expected CSV/],
      [
        "csv",
        `id,b\n${"1,x\n".repeat(30_000)}2,secret,3\n`,
        /^expected 2 columns, line 30002, found 3/,
      ],
      ["json", '{"id":1}\n{"id":secret\n', /^expected JSON objects.*line/],
      ["parquet", "secret", /^expected a Parquet file/],
    ] as const;
    for (const [format, content, message] of cases) {
      put("a.x", content);
      const { result, folder } = await kit.pull(feed({}, format));
      const [{ name = "", reason = "" } = {}] = result.refusedFiles;
      assert.equal(name, "a.x");
      assert.match(reason, message);
      assert.doesNotMatch(readFileSync(join(folder, "seen.jsonl"), "utf8"), /secret/);
    }
  });

  it("are found where only their rows do not fit, among others that do", async () => {
    for (const name of ["a", "b", "c", "d"]) {
      put(`${name}.x`, `id,n\n${name},${name === "b" ? "many" : "1"}\n`);
    }
    const dataset: DatasetConfig = { types: { n: "integer" } };
    const pulls = await kit.drain(feed(), dataset);
    assert.deepEqual(
      pulls.flatMap(({ rows }) => rows.map(({ id }) => id)),
      ["a", "c", "d"],
    );
    assert.deepEqual(pulls.flatMap(refusals), [
      [
        "b.x",
        "column n: 1 values are no integer within ±(2^53-1); if they are larger, declare it as text under types",
      ],
    ]);
  });

  it("lack a treated column, which others beside them have", async () => {
    put("a.x", "id,mail\n1,ann\n");
    put("b.x", "id,email\n2,bob\n");
    const sanitise = { mail: "drop" } as const;
    const first = await pull({ sanitise });
    assert.deepEqual(first.rows, [{ id: "1" }]);
    const reason = "sanitise names mail, but the columns that came are id, email";
    assert.deepEqual(refusals(first), [["b.x", reason]]);
    // Another rule, and they are tried again.
    put("a.x", "id,mail\n1,ann\n", 30);
    const second = await pull({ sanitise: { email: "drop" } });
    assert.deepEqual(second.rows, [{ id: "2" }]);
  });

  it("are links out of the folder", async () => {
    writeFileSync(join(kit.folder, "outside"), "id\n1\n");
    symlinkSync(join(kit.folder, "outside"), join(inbox, "a.x"));
    symlinkSync(join(inbox, "b.x"), join(inbox, "b.x"));
    put("c.x", "id\n1\n");
    const first = await pull();
    assert.equal(first.rows.length, 1);
    assert.deepEqual(refusals(first), [
      ["a.x", "it is a link out of the feed's folder, which is not followed"],
      ["b.x", "it is a link to itself"],
    ]);
    assert.deepEqual(refusals(await pull()), []);
    rmSync(join(inbox, "a.x"));
    put("a.x", "id\n2\n");
    assert.deepEqual((await pull()).rows, [{ id: "2" }]);
  });

  it("came back with other content, and nothing tells their rows apart", async () => {
    put("a.x", "id\n1\n");
    await pull();
    put("a.x", "id\n1\n2\n");
    const second = await pull();
    assert.equal(second.result.outcome, "empty");
    assert.match(String(refusals(second)[0]), /^a\.x,its content changed after it was taken/);
    assert.deepEqual(refusals(await pull()), []);
    const third = await pull({}, { key: ["id"] });
    assert.deepEqual(third.rows, [{ id: "1" }, { id: "2" }]);
  });
});

describe("pieces of one answer", () => {
  it("are those that were cut, and the rest", async () => {
    const kit = createPullKit();
    try {
      mkdirSync(join(kit.folder, "in"));
      for (const name of ["a", "b", "c", "d", "e"]) {
        const path = join(kit.folder, "in", name);
        writeFileSync(path, "id\n1\n2\n");
        utimesSync(path, 1, 1);
      }
      const feed: Feed = {
        dataset: "orders",
        connector: { kind: "files", path: "in/*", format: "csv" },
        batchRows: 3,
      };
      const isPartial = async (isContinued: boolean) =>
        (await kit.pull(feed, {}, { isContinued })).result.batch?.isPartial;
      assert.deepEqual([await isPartial(false), await isPartial(true)], [true, true]);
      assert.equal(await isPartial(true), false, "one file is whole");
    } finally {
      kit.close();
    }
  });
});
