import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import { startRedis, type TestRedis } from "../../server/testing/redis.ts";
import { needs } from "../../server/testing/skip.ts";
import { JobError } from "../jobs/job-error.ts";
import { readStream, type StreamEntry } from "./collect-stream.ts";

type Source = Parameters<typeof readStream>[0];

async function readAll(source: Source, maxEntries = 1000): Promise<StreamEntry[]> {
  const entries: StreamEntry[] = [];
  for await (const entry of readStream(source, maxEntries)) entries.push(entry);
  return entries;
}

function isJobError(isTransient: boolean, text: RegExp) {
  return (error: unknown) =>
    error instanceof JobError &&
    error.isTransient === isTransient &&
    text.test(error.message) &&
    !error.message.includes("secret");
}

describe("reading a capture stream", needs("redis"), () => {
  let redis: TestRedis;
  let client: Redis;
  before(async () => {
    redis = await startRedis();
    client = new Redis(redis.url);
  });
  after(async () => {
    client.disconnect();
    await redis.stop();
  });

  it("gives the entries after an id, across pages, and none of a stream that is not there", async () => {
    const ids: string[] = [];
    for (let i = 1; i <= 1100; i += 1)
      ids.push((await client.xadd("s", `7-${i}`, "record", `r${i}`)) ?? "");
    const source = { redisUrl: redis.url, name: "s", afterId: "7-2" };
    const entries = await readAll(source, 5000);
    assert.deepEqual(
      entries.map(({ id }) => id),
      ids.slice(2),
    );
    assert.equal(entries[0]?.record, "r3");
    assert.equal((await readAll(source, 501)).length, 501);
    assert.deepEqual(await readAll({ ...source, name: "none" }), []);
  });

  it("finds the record among other fields", async () => {
    await client.xadd("fields", "1-1", "a", "record", "record", "x");
    await client.xadd("fields", "1-2", "a", "record");
    const entries = await readAll({ redisUrl: redis.url, name: "fields", afterId: "0" });
    assert.deepEqual(entries, [
      { id: "1-1", record: "x" },
      { id: "1-2", record: null },
    ]);
  });

  it("says what is wrong, and whether another try may help, without the URL", async () => {
    await client.set("text", "x");
    const source = { redisUrl: redis.url, name: "text", afterId: "0-0" };
    await assert.rejects(readAll(source), isJobError(false, /WRONGTYPE/));
    await assert.rejects(readAll({ ...source, afterId: "latest" }), isJobError(false, /entry id/));
    const away = { ...source, redisUrl: "redis://:secret@127.0.0.1:1" };
    await assert.rejects(readAll(away), isJobError(true, /ECONNREFUSED/));
  });
});
