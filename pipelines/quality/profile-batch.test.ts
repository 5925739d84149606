import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { columnNamed } from "./profile.ts";
import { CheckBench } from "./testing/check-bench.ts";

const bench = new CheckBench();
after(() => bench.close());

describe("the profile of a batch", () => {
  it("tells types, missing values, spread, values and times", async () => {
    const path = await bench.batch(
      `SELECT i AS n, CASE WHEN i % 4 = 0 THEN 'NaN'::DOUBLE WHEN i = 1 THEN 'inf'::DOUBLE ELSE i / 2 END AS f,
         CASE WHEN i < 60 THEN 'aa' WHEN i < 90 THEN 'b' END AS s, i % 2 = 0 AS b, 'id' || (i // 2) || repeat('x', 3) AS u,
         TIMESTAMP '2001-01-01' + to_days(i::INTEGER) AS at, NULL::DOUBLE AS nothing, 1.5::DECIMAL(4, 2) AS price
       FROM range(100) AS r(i)`,
    );
    const { profile, rows, left, points } = await bench.check(path);
    assert.equal(rows, 100);
    assert.deepEqual([profile.schemaVersion, profile.rows], [1, 100]);
    assert.deepEqual(
      profile.columns.map(({ name, type, missing }) => [name, type, missing]),
      [
        ["n", "integer", 0],
        ["f", "number", 25],
        ["s", "text", 10],
        ["b", "boolean", 0],
        ["u", "text", 0],
        ["at", "timestamp", 0],
        ["nothing", "number", 100],
        ["price", "number", 0],
      ],
    );
    const n = columnNamed(profile, "n")?.number;
    assert.deepEqual([n?.min, n?.max, n?.mean, n?.quantiles.length], [0, 99, 49.5, 9]);
    assert.ok(Math.abs((n?.std ?? 0) - Math.sqrt(9999 / 12)) < 1e-9);
    const f = columnNamed(profile, "f")?.number;
    assert.deepEqual([f?.min, f?.max, f?.infinite], [1, 49.5, 1]);
    assert.equal(columnNamed(profile, "b")?.number?.mean, 0.5);
    assert.equal(columnNamed(profile, "nothing")?.number, null);
    assert.equal(columnNamed(profile, "nothing")?.distinct, 0);
    assert.deepEqual(columnNamed(profile, "s")?.text, {
      minLength: 1,
      maxLength: 2,
      meanLength: 150 / 90,
      values: [
        { value: "aa", count: 60 },
        { value: "b", count: 30 },
      ],
      isComplete: true,
    });
    const day = 86_400_000;
    assert.deepEqual(columnNamed(profile, "at")?.time, {
      minMs: Date.UTC(2001, 0, 1),
      maxMs: Date.UTC(2001, 0, 1) + 99 * day,
    });
    assert.deepEqual(left, ["profile.json"]);
    assert.deepEqual(points, ["checked"]);
  });

  it("lists the commonest of many texts, and none that stands once", async () => {
    const path = await bench.batch(
      `SELECT CASE WHEN i < 200 THEN 'v' || (i % 20) ELSE 'once' || i END AS s FROM range(2000) AS r(i)`,
    );
    const text = columnNamed((await bench.check(path)).profile, "s")?.text;
    assert.equal(text?.isComplete, false);
    assert.equal(text?.values.length, 20);
    assert.deepEqual(text?.values[0], { value: "v0", count: 10 });
  });
});
