import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { it } from "node:test";
import { wakeServers } from "../../pipelines/publish/wake-servers.ts";
import { startRedis } from "../testing/redis.ts";
import { needs } from "../testing/skip.ts";
import { watchRedis } from "./redis-wake.ts";

const LOCATION = "https://a.blob.core.windows.net/models";

/** Counts wakes, and resolves when a number of them is reached. */
function createCounter() {
  let count = 0;
  const waiting = new Map<number, () => void>();
  return {
    wake: () => {
      count += 1;
      waiting.get(count)?.();
    },
    reach: (goal: number) =>
      new Promise<void>((resolve) => {
        if (count >= goal) resolve();
        else waiting.set(goal, resolve);
      }),
    get count() {
      return count;
    },
  };
}

it("a publisher's word wakes the servers of that repository only", needs("redis"), async (t) => {
  const redis = await startRedis();
  const counter = createCounter();
  const other = createCounter();
  const log = { info: () => undefined, warn: () => undefined };
  const watch = watchRedis(redis.url, LOCATION, counter.wake, log);
  const otherWatch = watchRedis(redis.url, `${LOCATION}/b`, other.wake, log);
  t.after(async () => {
    watch.close();
    otherWatch.close();
    await redis.stop();
  });
  // The first wake of each says that it is subscribed.
  await Promise.all([counter.reach(1), other.reach(1)]);
  assert.equal(await wakeServers(redis.url, `${LOCATION}/`), null);
  await counter.reach(2);
  assert.equal(await wakeServers(redis.url, `${LOCATION}/b`), null);
  await other.reach(2);
  assert.deepEqual([counter.count, other.count], [2, 2]);
});

it("an outage is one line of log, however often the connection fails", async (t) => {
  const attempts = createCounter();
  const server = createServer((socket) => {
    attempts.wake();
    socket.resetAndDestroy();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const lines: object[] = [];
  const log = { info: assert.fail, warn: (fields: object) => lines.push(fields) };
  const watch = watchRedis(url, LOCATION, () => undefined, log);
  await attempts.reach(4);
  watch.close();
  assert.deepEqual(lines, [{ code: "ECONNRESET" }]);
});

it("a publisher without Redis hears why, and goes on", async () => {
  // Port 1 is privileged and unused: the connection is refused at once.
  assert.equal(await wakeServers("redis://:secret@127.0.0.1:1", LOCATION), "ECONNREFUSED");
});
