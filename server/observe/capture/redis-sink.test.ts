import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import { pino } from "pino";
import { startRedis, type TestRedis } from "../../testing/redis.ts";
import { needs } from "../../testing/skip.ts";
import { SinkError } from "./record-sink.ts";
import { RedisSink } from "./redis-sink.ts";

const log = pino({ level: "silent" });

describe("the capture stream", needs("redis"), () => {
  let redis: TestRedis;
  let reader: Redis;
  before(async () => {
    redis = await startRedis();
    reader = new Redis(redis.url);
  });
  after(async () => {
    reader.disconnect();
    await redis.stop();
  });

  it("has one entry a line, in order, acknowledged", async () => {
    const sink = new RedisSink(redis.url, "seen", log);
    const lines = Array.from({ length: 1500 }, (_, i) => `{"n":${i}}`);
    await sink.write(lines);
    await sink.writeDurably(["last"]);
    const entries = await reader.xrange("seen", "-", "+");
    assert.deepEqual(
      entries.map(([, fields]) => fields),
      [...lines, "last"].map((line) => ["record", line]),
    );
    await sink.close();
  });

  it("says so when Redis refuses", async () => {
    await reader.set("a-text", "x");
    const sink = new RedisSink(redis.url, "a-text", log);
    await assert.rejects(
      sink.write(["1"]),
      (error) => error instanceof SinkError && /^Redis refused: .*WRONGTYPE/.test(error.message),
    );
    await sink.close();
  });

  it("waits for a Redis that is away, and writes when it is back", async () => {
    const sink = new RedisSink(redis.url, "again", log);
    await sink.write(["1"]);
    await reader.client("KILL", "TYPE", "normal", "SKIPME", "yes");
    await sink.write(["2"]);
    const entries = await reader.xrange("again", "-", "+");
    assert.ok(entries.some(([, [, line]]) => line === "2"));
    await sink.close();
  });

  it("does not keep a stopping server waiting for a Redis that never comes", async () => {
    const sink = new RedisSink("redis://127.0.0.1:1", "never", log);
    const write = sink.write(["1"]);
    const settled = write.then(
      () => "written",
      () => "lost",
    );
    await assert.rejects(sink.close(), /did not take the last records in time/);
    assert.equal(await settled, "lost");
  });
});
