import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { decodeCursor, encodeCursor, FeedCursorError } from "./feed-cursor.ts";
import { hasRowsAfter, readFeed } from "./polled-feed.ts";
import { createEgressWorld, type EgressWorld, NUMBERS } from "./testing/egress-world.ts";

const OUTLETS = { out: { kind: "feed", dataset: "scores" } } as const;
const WIDE = { rows: 1000, bytes: 1e6 };

describe("a polled feed", () => {
  let world: EgressWorld;
  before(async () => {
    world = await createEgressWorld(OUTLETS);
  });
  after(() => world.close());

  const parts = () => ({ ...world, outlet: "out", dataset: "scores" });
  const numbers = (lines: readonly string[]) =>
    lines.map((line) => (JSON.parse(line) as { n: number }).n);

  it("gives every row once, in order, by pages that end within and across batches", async () => {
    await world.landNumbers("a", 0, 5);
    await world.landNumbers("empty", 0, 0);
    await world.landNumbers("b", 5, 4);
    const seen: number[] = [];
    let cursor: string | null = null;
    for (;;) {
      const page = await readFeed(parts(), cursor, { rows: 3, bytes: 1e6 });
      assert.ok(page.lines.length <= 3);
      assert.equal(page.hasMore, await hasRowsAfter(parts(), page.nextCursor));
      seen.push(...numbers(page.lines));
      cursor = page.nextCursor;
      if (!page.hasMore) break;
    }
    assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const end = await readFeed(parts(), cursor, WIDE);
    assert.deepEqual(end, { lines: [], nextCursor: cursor, hasMore: false });
    await world.landNumbers("c", 9, 2);
    assert.deepEqual(numbers((await readFeed(parts(), cursor, WIDE)).lines), [9, 10]);
  });

  it("ends a page with the row that passes the bytes, and never gives none", async () => {
    const page = await readFeed(parts(), null, { rows: 1000, bytes: 1 });
    assert.deepEqual(numbers(page.lines), [0]);
    const two = await readFeed(parts(), page.nextCursor, { rows: 1000, bytes: 9 });
    assert.deepEqual(numbers(two.lines), [1, 2]);
  });

  it("shows what the columns hold as JSON can", async () => {
    const start = (await readFeed(parts(), null, WIDE)).nextCursor;
    const schema = [
      { name: "big", type: "integer" },
      { name: "x", type: "number" },
      { name: "at", type: "timestamp" },
      { name: "yes", type: "boolean" },
      { name: "__proto__", type: "text" },
    ] as const;
    await world.pull(
      "types",
      `SELECT * FROM (VALUES
        (9007199254740993, 'NaN'::DOUBLE, TIMESTAMP '2026-01-02 03:04:05.678', true, 'a"b'),
        (-1, 'inf'::DOUBLE, TIMESTAMP '2026-01-02 03:04:05.678901', false, 'é'),
        (NULL, 0.1, TIMESTAMP 'infinity', NULL, NULL)) AS t(big, x, "at", yes, "__proto__")`,
      schema,
    );
    await world.land("types");
    assert.deepEqual((await readFeed(parts(), start, WIDE)).lines, [
      '{"big":"9007199254740993","x":null,"at":"2026-01-02T03:04:05.678Z","yes":true,"__proto__":"a\\"b"}',
      '{"big":-1,"x":null,"at":"2026-01-02T03:04:05.678901Z","yes":false,"__proto__":"é"}',
      '{"big":null,"x":0.1,"at":"infinity","yes":null,"__proto__":null}',
    ]);
  });

  it("refuses cursors that it did not give out", async () => {
    const { nextCursor } = await readFeed(parts(), null, WIDE);
    const position = decodeCursor("out", "scores", nextCursor);
    await world.pull("held", "SELECT 1 AS n", NUMBERS, "quarantined");
    const held = position.seq + 1;
    const flipped = Buffer.from(nextCursor, "base64url");
    flipped.writeUInt8(1, 0);
    const bad: readonly [string, RegExp][] = [
      ["", /24 characters/],
      ["12", /24 characters/],
      [`${nextCursor}A`, /24 characters/],
      [nextCursor.replace(/.$/, "!"), /24 characters/],
      [flipped.toString("base64url"), /version 1; this feed gives out 2/],
      [encodeCursor("other", "scores", position), /another feed/],
      [encodeCursor("out", "sales", position), /another feed/],
      [encodeCursor("out", "scores", { ...position, seq: 9999 }), /another store/],
      [encodeCursor("out", "scores", { ...position, row: 9999 }), /another store/],
      [encodeCursor("out", "scores", { seq: held, row: 0 }), /another store/],
      [encodeCursor("out", "scores", { seq: 0, row: 1 }), /another store/],
    ];
    for (const [cursor, message] of bad) {
      await assert.rejects(readFeed(parts(), cursor, WIDE), (error: Error) => {
        assert.ok(error instanceof FeedCursorError, cursor);
        assert.match(error.message, message);
        return true;
      });
    }
  });
});

describe("a polled feed while batches land", () => {
  let world: EgressWorld;
  beforeEach(async () => {
    world = await createEgressWorld(OUTLETS);
  });
  afterEach(() => world.close());

  it("does not lose a released batch to a reader who is past its old number", async () => {
    const parts = { ...world, outlet: "out", dataset: "scores" };
    await world.pull("held", "SELECT 100 AS n", NUMBERS, "quarantined");
    await world.landNumbers("a", 0, 2);
    const before = await readFeed(parts, null, WIDE);
    assert.deepEqual(before.lines, ['{"n":0}', '{"n":1}'], "nothing of what is held");
    await world.land("held");
    assert.equal(await hasRowsAfter(parts, before.nextCursor), true);
    const after = await readFeed(parts, before.nextCursor, WIDE);
    assert.deepEqual(after.lines, ['{"n":100}']);
    await world.landNumbers("b", 2, 1);
    assert.deepEqual((await readFeed(parts, after.nextCursor, WIDE)).lines, ['{"n":2}']);
    const all = await readFeed({ ...parts, outlet: "fresh" }, null, WIDE);
    assert.deepEqual(all.lines, ['{"n":0}', '{"n":1}', '{"n":100}', '{"n":2}']);
  });

  it("gives batches in the order of landing, whatever that of arrival, and loses and doubles none", async () => {
    const parts = { ...world, outlet: "out", dataset: "scores" };
    const ids = Array.from({ length: 24 }, (_, at) => `b${at}`);
    for (const [at, id] of ids.entries()) {
      await world.pull(id, `SELECT range AS n FROM range(${at * 10}, ${at * 10 + 7})`, NUMBERS);
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    let isLanding = true;
    const reading = (async () => {
      for (let atEnd = false; isLanding || !atEnd; ) {
        const wasLanding = isLanding;
        const page = await readFeed(parts, cursor, { rows: 4, bytes: 1e6 });
        seen.push(...page.lines);
        cursor = page.nextCursor;
        atEnd = !page.hasMore && !wasLanding;
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    // 3, 4, 5, 0, 1, 2, 9, 10, 11, 6, …
    const landing = ids.map((_, at) => Math.floor(at / 6) * 6 + ((at + 3) % 6));
    for (const at of landing) await world.land(`b${at}`);
    isLanding = false;
    await reading;
    const expected = landing.flatMap((at) => Array.from({ length: 7 }, (_, n) => at * 10 + n));
    const got = seen.map((line) => (JSON.parse(line) as { n: number }).n);
    assert.deepEqual(got, expected);
    // Whoever comes later reads the same order from the start.
    const again = await readFeed(parts, null, { rows: 1000, bytes: 1e6 });
    assert.deepEqual(again.lines, seen);
  });
});
