import assert from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { expireCaptures } from "./expire-captures.ts";
import { makeProject } from "./testing/make-snapshot.ts";
import { openStoreHome, type StoreHome } from "./testing/store-kit.ts";

const DAY_MS = 86_400_000;
const NOW_MS = 100 * DAY_MS;

describe("the retention of captures", () => {
  let at: StoreHome;
  beforeEach(async () => {
    at = await openStoreHome();
  });
  afterEach(() => at.close());

  async function addCapture(id: string, daysAgo: number): Promise<string> {
    const path = join(at.home, `${id}.parquet`);
    writeFileSync(path, "rows");
    const atMs = NOW_MS - daysAgo * DAY_MS;
    const times = { first_at_ms: atMs, last_at_ms: atMs };
    const row = {
      id,
      model: "m",
      version: 1,
      path,
      rows: 5,
      ...times,
      window_id: null,
      run_id: "r",
    };
    await at.store.insertInto("captures").values(row).execute();
    return path;
  }
  const left = async () =>
    (await at.store.selectFrom("captures").select("id").orderBy("id").execute()).map(
      ({ id }) => id,
    );

  it("deletes what is older, file and row, and says how much", async () => {
    const [old, fresh] = [await addCapture("old", 31), await addCapture("fresh", 29)];
    await expireCaptures(at.store, makeProject(), NOW_MS);
    assert.deepEqual([existsSync(old), existsSync(fresh)], [false, true]);
    assert.deepEqual(await left(), ["fresh"]);
    const event = await at.store.selectFrom("events").selectAll().executeTakeFirstOrThrow();
    assert.equal(event.type, "capture.expired");
    assert.deepEqual(JSON.parse(event.details_json), { files: 1, rows: 5, olderThanDays: 30 });
  });

  it("goes by the project's days", async () => {
    await addCapture("a", 2);
    await expireCaptures(at.store, makeProject({ retention: { captureDays: 3 } }), NOW_MS);
    assert.deepEqual(await left(), ["a"]);
    await expireCaptures(at.store, makeProject({ retention: { captureDays: 1 } }), NOW_MS);
    assert.deepEqual(await left(), []);
  });

  it("ends what a crash between file and row began", async () => {
    const path = await addCapture("old", 31);
    rmSync(path);
    await expireCaptures(at.store, makeProject(), NOW_MS);
    assert.deepEqual(await left(), []);
  });

  it("says nothing when nothing is old", async () => {
    await addCapture("fresh", 1);
    await expireCaptures(at.store, makeProject(), NOW_MS);
    assert.deepEqual(await at.events(), []);
  });
});
